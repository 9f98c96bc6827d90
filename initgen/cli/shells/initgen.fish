# Completion of initgen for fish 3.1 and newer.
function __initgen_complete
    set -l token (commandline -ct)
    for line in (_INITGEN_COMPLETE=(commandline -cp | string join ' ') initgen 2>/dev/null)
        set -l parts (string split \t -- $line)
        if test $parts[1] = word
            string join \t -- $parts[2..-1]
        else
            set -l option (string match -r '^(?:--[a-z-]+=)?' -- $token)
            for path in (__fish_complete_path (string replace -- "$option" '' $token))
                echo $option$path
            end
        end
    end
end

complete --command initgen --no-files --keep-order --arguments '(__initgen_complete)'
