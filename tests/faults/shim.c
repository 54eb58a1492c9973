/* File operations below one folder, counted; one of them fails, is torn, or is the last that the process makes.

   Loaded by LD_PRELOAD. fault_arm(root, n, kind, error) begins to count: the n-th operation that changes something
   below root (or that waits for the disk, or locks) does not succeed. Kinds: 0 count only; 1 fail with `error`; 2 end
   the process before the operation; 3 write half of what is to be written, then end; 4 send SIGTERM, and go on;
   5 fail with `error` from there on, as a full disk does. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static char root[PATH_MAX];
static size_t root_length;
static long count, chosen;
static int kind, error_number;

long fault_count(void) { return count; }

void fault_arm(const char *folder, long n, int what, int error) {
    root_length = 0;
    snprintf(root, sizeof root, "%s", folder);
    count = 0, chosen = n, kind = what, error_number = error;
    root_length = strlen(root);
}

static void end_process(void) {
    syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
    for (;;) pause();
}

static int is_below(const char *path) { return root_length && path && strncmp(path, root, root_length) == 0; }

static int is_open_below(int descriptor, const char *name) {
    char link[64], path[PATH_MAX];
    if (!root_length) return 0;
    if (name && name[0] == '/') return is_below(name);
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_below(path);
}

/* 0: make the operation; 1: it has failed, errno is set; 2: make half of it, and then end. */
static int strike(void) {
    count++;
    if (kind == 5 ? count < chosen : count != chosen) return 0;
    switch (kind) {
    case 1:
    case 5: errno = error_number; return 1;
    case 2: end_process(); return 1;
    case 3: return 2;
    case 4: raise(SIGTERM); return 0;
    }
    return 0;
}

#define REAL(name) ((typeof(&name))dlsym(RTLD_NEXT, #name))
#define STRIKE_IF(condition, failed)                  \
    do {                                              \
        if (condition) {                              \
            int struck = strike();                    \
            if (struck == 2) end_process();           \
            if (struck == 1) return failed;           \
        }                                             \
    } while (0)

static int changes(int flags) { return (flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)) != 0; }

#define OPEN(name)                                                          \
    int name(const char *path, int flags, ...) {                            \
        va_list rest;                                                       \
        va_start(rest, flags);                                              \
        mode_t mode = va_arg(rest, mode_t);                                 \
        va_end(rest);                                                       \
        STRIKE_IF(is_below(path) && changes(flags), -1);                    \
        return REAL(name)(path, flags, mode);                               \
    }
OPEN(open)
OPEN(open64)

ssize_t write(int descriptor, const void *content, size_t length) {
    if (is_open_below(descriptor, NULL)) {
        int struck = strike();
        if (struck == 1) return -1;
        if (struck == 2) {
            REAL(write)(descriptor, content, length / 2);
            end_process();
        }
    }
    return REAL(write)(descriptor, content, length);
}

int fsync(int descriptor) {
    STRIKE_IF(is_open_below(descriptor, NULL), -1);
    return 0; /* the disk itself is not what is tried here */
}

int flock(int descriptor, int operation) {
    int of_writing = error_number == EROFS || error_number == EACCES || error_number == ENOSPC || error_number == EDQUOT;
    STRIKE_IF(!of_writing && is_open_below(descriptor, NULL), -1); /* a folder that is read only can be locked */
    return REAL(flock)(descriptor, operation);
}

int rename(const char *from, const char *to) {
    STRIKE_IF(is_below(to), -1);
    return REAL(rename)(from, to);
}

int renameat(int from_at, const char *from, int to_at, const char *to) {
    STRIKE_IF(is_below(to), -1);
    return REAL(renameat)(from_at, from, to_at, to);
}

int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned int flags) {
    STRIKE_IF(is_below(to), -1);
    return REAL(renameat2)(from_at, from, to_at, to, flags);
}

int unlink(const char *path) {
    STRIKE_IF(is_below(path), -1);
    return REAL(unlink)(path);
}

int unlinkat(int at, const char *path, int flags) {
    STRIKE_IF(is_open_below(at, path), -1);
    return REAL(unlinkat)(at, path, flags);
}

int rmdir(const char *path) {
    STRIKE_IF(is_below(path), -1);
    return REAL(rmdir)(path);
}

int mkdir(const char *path, mode_t mode) {
    STRIKE_IF(is_below(path), -1);
    return REAL(mkdir)(path, mode);
}

int mkdirat(int at, const char *path, mode_t mode) {
    STRIKE_IF(is_open_below(at, path), -1);
    return REAL(mkdirat)(at, path, mode);
}
