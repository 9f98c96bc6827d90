/* A library to preload: it counts the system calls that touch files below one directory, and makes the N-th of a kind
 * fail, fall short, or end the process. What to do and what was seen is in a mapped file, which forked processes share.
 *
 * Build: cc -shared -fPIC -O2 -o inject.so inject.c -ldl. The layout of `struct shared` is repeated in injection.py. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum call {
    OPEN, FALLOCATE, TRUNCATE, WRITE, FSYNC, RENAME, LINK, UNLINK, CHMOD, MKDIR, MMAP, CLOSE, FLOCK, READ, STAT, LIST,
    FORK, PIPE, MEMORY, DISK, CALLS
};
static const char *const NAMES[CALLS] = {
    "open", "fallocate", "truncate", "write", "fsync", "rename", "link", "unlink", "chmod", "mkdir", "mmap", "close",
    "flock", "read", "stat", "list", "fork", "pipe", "memory", "disk"};

enum deed { NOTHING, FAIL, ONE_BYTE, HALF, SIGNAL };

#define LOG (1 << 20)
#define MOST 1024

static struct shared {
    int deed, call, first, last; /* of the calls of one kind, those from `first` to `last` */
    int number;                  /* the errno, or the signal */
    int large;                   /* bytes from which a request for memory counts */
    atomic_int leader;           /* the process that made the first call, to which a signal goes */
    atomic_int reached, named, named_before;
    atomic_int seen[CALLS];
    char top[1024];
    atomic_int used;
    char log[LOG];
} *shared;

static int idle; /* a process that only forks those that count */
static char opened[MOST][512]; /* paths of the descriptors that are followed */

static void *next(const char *name) { return dlsym(RTLD_NEXT, name); }
#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))next(#name)

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("INJECT_SHARED");
    int descriptor = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (descriptor < 0) return;
    void *place = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    close(descriptor);
    if (place == MAP_FAILED) return;
    shared = place;
    idle = getenv("INJECT_DRIVER") != NULL;
}

static int below(const char *path) {
    size_t length;
    if (!shared || !path || !(length = strlen(shared->top))) return 0;
    return !strncmp(path, shared->top, length) && (path[length] == '/' || !path[length]);
}

static int followed(int descriptor) { return shared && descriptor >= 0 && descriptor < MOST && opened[descriptor][0]; }

/* A path, also one that is relative to a descriptor; empty where it is not ours. */
static const char *place(int directory, const char *path, char *buffer, size_t size) {
    if (path && path[0] != '/' && followed(directory)) {
        snprintf(buffer, size, "%s/%s", opened[directory], path);
        return buffer;
    }
    return below(path) ? path : "";
}

static void note(enum call call, const char *what, const char *more, int error) {
    char line[2200];
    int before = errno, length = snprintf(line, sizeof line, "%s\t%s\t%s\t%d\n", NAMES[call], what, more, error);
    int at = atomic_fetch_add(&shared->used, length);
    if (at + length < LOG) memcpy(shared->log + at, line, length);
    errno = before;
}

/* Counts a call: 0 to go on with it, -1 where it fails, 1 or 2 where it takes one byte or half. DISK stands for every call
 * on a file, and counts those that change something. */
static int hit(enum call call) {
    int number, nobody = 0;
    if (idle) return 0;
    atomic_compare_exchange_strong(&shared->leader, &nobody, getpid());
    number = atomic_fetch_add(&shared->seen[call], 1) + 1;
    if (shared->call == DISK && call < FORK)
        number = atomic_fetch_add(&shared->seen[DISK], call <= MKDIR) + (call <= MKDIR);
    else if ((int)call != shared->call)
        return 0;
    if (!shared->deed || number < shared->first || number > shared->last) return 0;
    if (shared->call == DISK && call > MKDIR && !(shared->reached && shared->last > shared->first)) return 0;
    if (!atomic_exchange(&shared->reached, 1)) atomic_store(&shared->named_before, atomic_load(&shared->named));
    switch (shared->deed) {
    case SIGNAL: kill(shared->leader, shared->number); return 0;
    case ONE_BYTE: return 1;
    case HALF: return 2;
    default: errno = shared->number; return -1;
    }
}

#define CHECKED(call, what, more) \
    do { \
        if (hit(call) < 0) { \
            note(call, what, more, errno); \
            return -1; \
        } \
    } while (0)

static int remember(int descriptor, const char *path) {
    if (descriptor >= 0 && descriptor < MOST) snprintf(opened[descriptor], sizeof opened[0], "%s", path);
    return descriptor;
}

#define MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { \
        va_list rest; \
        va_start(rest, flags); \
        mode = va_arg(rest, mode_t); \
        va_end(rest); \
    }
#define OPENED(directory, path, really) \
    char buffer[1600]; \
    const char *at = place(directory, path, buffer, sizeof buffer); \
    if (!*at) return really; \
    CHECKED(OPEN, at, flags & O_CREAT ? "new" : ""); \
    int made = really; \
    note(OPEN, at, flags & O_CREAT ? "new" : "", made < 0 ? errno : 0); \
    return remember(made, at)

int open(const char *path, int flags, ...) { MODE(flags) REAL(open); OPENED(AT_FDCWD, path, real(path, flags, mode)); }
int open64(const char *path, int flags, ...) { MODE(flags) REAL(open64); OPENED(AT_FDCWD, path, real(path, flags, mode)); }
int openat(int d, const char *path, int flags, ...) { MODE(flags) REAL(openat); OPENED(d, path, real(d, path, flags, mode)); }
int openat64(int d, const char *path, int flags, ...) { MODE(flags) REAL(openat64); OPENED(d, path, real(d, path, flags, mode)); }

#define ON_PATH(call, directory, path, more, really) \
    char buffer[1600]; \
    const char *at = place(directory, path, buffer, sizeof buffer); \
    if (!*at) return really; \
    CHECKED(call, at, more); \
    int done = really; \
    note(call, at, more, done < 0 ? errno : 0); \
    return done

int unlink(const char *path) { REAL(unlink); ON_PATH(UNLINK, AT_FDCWD, path, "", real(path)); }
int unlinkat(int d, const char *path, int flags) { REAL(unlinkat); ON_PATH(UNLINK, d, path, "", real(d, path, flags)); }
int rmdir(const char *path) { REAL(rmdir); ON_PATH(UNLINK, AT_FDCWD, path, "", real(path)); }
int chmod(const char *path, mode_t mode) { REAL(chmod); ON_PATH(CHMOD, AT_FDCWD, path, "", real(path, mode)); }
int fchmodat(int d, const char *path, mode_t mode, int flags) { REAL(fchmodat); ON_PATH(CHMOD, d, path, "", real(d, path, mode, flags)); }
int mkdir(const char *path, mode_t mode) { REAL(mkdir); ON_PATH(MKDIR, AT_FDCWD, path, "", real(path, mode)); }
int mkdirat(int d, const char *path, mode_t mode) { REAL(mkdirat); ON_PATH(MKDIR, d, path, "", real(d, path, mode)); }
int truncate64(const char *path, off64_t size) { REAL(truncate64); ON_PATH(TRUNCATE, AT_FDCWD, path, "", real(path, size)); }

#define ON_STAT(directory, path, really) \
    char buffer[1600]; \
    if (!*place(directory, path, buffer, sizeof buffer)) return really; \
    CHECKED(STAT, path, ""); \
    return really

int stat(const char *path, struct stat *s) { REAL(stat); ON_STAT(AT_FDCWD, path, real(path, s)); }
int stat64(const char *path, struct stat64 *s) { REAL(stat64); ON_STAT(AT_FDCWD, path, real(path, s)); }
int lstat(const char *path, struct stat *s) { REAL(lstat); ON_STAT(AT_FDCWD, path, real(path, s)); }
int lstat64(const char *path, struct stat64 *s) { REAL(lstat64); ON_STAT(AT_FDCWD, path, real(path, s)); }
int fstatat(int d, const char *path, struct stat *s, int f) { REAL(fstatat); ON_STAT(d, path, real(d, path, s, f)); }
int fstatat64(int d, const char *path, struct stat64 *s, int f) { REAL(fstatat64); ON_STAT(d, path, real(d, path, s, f)); }

/* What gives a file a name that is not of a temporary. */
static void count_name(const char *target) {
    const char *last = strrchr(target, '/');
    if (last && strncmp(last, "/.initgen-", 10)) atomic_fetch_add(&shared->named, 1);
}
#define ON_PATHS(call, source, target, really) \
    if (!below(source) && !below(target)) return really; \
    CHECKED(call, source, target); \
    int done = really; \
    note(call, source, target, done < 0 ? errno : 0); \
    if (done >= 0) count_name(target); \
    return done

int rename(const char *a, const char *b) { REAL(rename); ON_PATHS(RENAME, a, b, real(a, b)); }
int renameat(int d, const char *a, int e, const char *b) { REAL(renameat); ON_PATHS(RENAME, a, b, real(d, a, e, b)); }
int link(const char *a, const char *b) { REAL(link); ON_PATHS(LINK, a, b, real(a, b)); }
int linkat(int d, const char *a, int e, const char *b, int f) { REAL(linkat); ON_PATHS(LINK, a, b, real(d, a, e, b, f)); }

#define ON_FILE(call, descriptor, really) \
    if (!followed(descriptor)) return really; \
    CHECKED(call, opened[descriptor], ""); \
    int done = really; \
    note(call, opened[descriptor], "", done < 0 ? errno : 0); \
    return done

int fsync(int d) { REAL(fsync); ON_FILE(FSYNC, d, real(d)); }
int fdatasync(int d) { REAL(fdatasync); ON_FILE(FSYNC, d, real(d)); }
int fchmod(int d, mode_t mode) { REAL(fchmod); ON_FILE(CHMOD, d, real(d, mode)); }
int ftruncate(int d, off_t size) { REAL(ftruncate); ON_FILE(TRUNCATE, d, real(d, size)); }
int ftruncate64(int d, off64_t size) { REAL(ftruncate64); ON_FILE(TRUNCATE, d, real(d, size)); }
int flock(int d, int how) { REAL(flock); ON_FILE(FLOCK, d, real(d, how)); }
int fstat(int d, struct stat *s) { REAL(fstat); ON_FILE(STAT, d, real(d, s)); }
int fstat64(int d, struct stat64 *s) { REAL(fstat64); ON_FILE(STAT, d, real(d, s)); }

/* These two answer with the error, and leave errno alone. */
#define ALLOCATED(descriptor, really) \
    if (!followed(descriptor)) return really; \
    if (hit(FALLOCATE) < 0) { \
        note(FALLOCATE, opened[descriptor], "", shared->number); \
        return shared->number; \
    } \
    int error = really; \
    note(FALLOCATE, opened[descriptor], "", error); \
    return error

int posix_fallocate(int d, off_t at, off_t size) { REAL(posix_fallocate); ALLOCATED(d, real(d, at, size)); }
int posix_fallocate64(int d, off64_t at, off64_t size) { REAL(posix_fallocate64); ALLOCATED(d, real(d, at, size)); }

#define MOVED(call, descriptor, size, really) \
    if (!followed(descriptor)) return really; \
    switch (hit(call)) { \
    case -1: note(call, opened[descriptor], "", errno); return -1; \
    case 1: size = size > 1 ? 1 : size; break; \
    case 2: size = size > 1 ? size / 2 : size; break; \
    } \
    ssize_t done = really; \
    note(call, opened[descriptor], "", done < 0 ? errno : 0); \
    return done

ssize_t write(int d, const void *data, size_t size) { REAL(write); MOVED(WRITE, d, size, real(d, data, size)); }
ssize_t pwrite(int d, const void *data, size_t size, off_t at) { REAL(pwrite); MOVED(WRITE, d, size, real(d, data, size, at)); }
ssize_t pwrite64(int d, const void *data, size_t size, off64_t at) { REAL(pwrite64); MOVED(WRITE, d, size, real(d, data, size, at)); }
ssize_t read(int d, void *data, size_t size) { REAL(read); MOVED(READ, d, size, real(d, data, size)); }
ssize_t pread(int d, void *data, size_t size, off_t at) { REAL(pread); MOVED(READ, d, size, real(d, data, size, at)); }
ssize_t pread64(int d, void *data, size_t size, off64_t at) { REAL(pread64); MOVED(READ, d, size, real(d, data, size, at)); }

/* Linux closes the descriptor whatever it answers. */
int close(int d) {
    REAL(close);
    if (!followed(d)) return real(d);
    char path[512];
    snprintf(path, sizeof path, "%s", opened[d]);
    opened[d][0] = 0;
    int failed = hit(CLOSE) < 0, error = errno, done = real(d);
    if (failed) errno = error;
    note(CLOSE, path, "", failed || done < 0 ? errno : 0);
    return failed ? -1 : done;
}

void *mmap64(void *where, size_t size, int protection, int flags, int d, off64_t at) {
    REAL(mmap64);
    if (followed(d)) {
        int failed = hit(MMAP) < 0;
        note(MMAP, opened[d], "", failed ? errno : 0);
        if (failed) return MAP_FAILED;
    }
    return real(where, size, protection, flags, d, at);
}

DIR *opendir(const char *path) {
    REAL(opendir);
    if (below(path)) {
        int failed = hit(LIST) < 0;
        note(LIST, path, "", failed ? errno : 0);
        if (failed) return NULL;
    }
    return real(path);
}

/* These count in every process while there is something to follow. */
pid_t fork(void) {
    REAL(fork);
    if (shared && shared->top[0]) CHECKED(FORK, "", "");
    pid_t made = real();
    if (!made) idle = 0;
    return made;
}

int pipe2(int ends[2], int flags) {
    REAL(pipe2);
    if (shared && shared->top[0]) CHECKED(PIPE, "", "");
    return real(ends, flags);
}

/* The C library's own names: to look them up would ask for memory. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

static int refused(size_t size) {
    return shared && shared->top[0] && shared->large && size >= (size_t)shared->large && hit(MEMORY) < 0;
}
void *malloc(size_t size) { return refused(size) ? NULL : __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return refused(count * size) ? NULL : __libc_calloc(count, size); }
void *realloc(void *old, size_t size) { return refused(size) ? NULL : __libc_realloc(old, size); }
