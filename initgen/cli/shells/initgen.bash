# Completion of initgen for bash 4.4 and newer.
_initgen() {
    local IFS=$'\t' kind word about typed=${COMP_LINE:0:COMP_POINT} before=
    # To readline, --scheme=he_ is three words; it puts ours in the place of the last.
    if [[ $COMP_WORDBREAKS == *=* && ${typed##*[[:space:]]} =~ ^--[a-z-]+= ]]; then
        before=${BASH_REMATCH[0]}
    fi
    COMPREPLY=()
    while read -r kind word about; do
        case $kind in
            word) COMPREPLY+=("${word#"$before"}") ;;
            file) compopt -o default ;;
        esac
    done < <(_INITGEN_COMPLETE=$typed "$1" 2>/dev/null)
}

complete -o nosort -F _initgen initgen
