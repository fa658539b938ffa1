/* Stands between a process and its libc, and makes calls fail as the environment and the files in SHIM say.
 *
 * SHIM is a directory. While it holds one of these files, the fault is on:
 *   write, fsync, open, rename, unlink, rmdir, read   that call fails below SPOOL, with the errno in the file, or EIO
 *   stall      a write below SPOOL, and a rename there, waits for as long as the fault is on
 *   slow-fsync a sync below SPOOL takes so many milliseconds more
 *   short      a write takes half of what it is given, and the next one fails with EIO, below SPOOL
 *   threads    as many threads can be started as the file says, then EAGAIN
 *   clock      CLOCK_REALTIME is off by the number of seconds that the file says
 *   log        every change below SPOOL is appended to this file, in order, when it was made, with the bytes
 * Files and not memory, so that the parent, the child and a person can switch faults. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define REAL(type, name, ...) static type (*real)(__VA_ARGS__); if (!real) real = dlsym(RTLD_NEXT, name)

static const char *setting(const char *name) {
    const char *value = getenv(name);
    return value ? value : "";
}

static int is_on(const char *fault) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", setting("SHIM"), fault);
    return syscall(SYS_faccessat, AT_FDCWD, path, F_OK) == 0;
}

static int is_spooled(const char *path) {
    const char *spool = setting("SPOOL");
    size_t length = strlen(spool);
    return length > 0 && strncmp(path, spool, length) == 0;
}

/* The path of an open file; 0 if it is not below SPOOL. */
static int path_of(int file, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_spooled(path);
}

/* The number in a file of SHIM; what is not there, or says none, is the other one. */
static long long number_in(const char *name, long long otherwise) {
    char path[PATH_MAX], text[32] = "", *end = text;
    snprintf(path, sizeof path, "%s/%s", setting("SHIM"), name);
    int file = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY);
    if (file < 0) return otherwise;
    syscall(SYS_read, file, text, sizeof text - 1);
    syscall(SYS_close, file);
    long long number = strtoll(text, &end, 10);
    return end == text ? otherwise : number;
}

static int fails(const char *fault) {
    if (!is_on(fault)) return 0;
    errno = number_in(fault, EIO);
    return 1;
}

static void stall(void) {
    while (is_on("stall")) usleep(1000);
}

/* One line, "nanoseconds call path more", and after a write, of which "more" is the length, the bytes. The lock is
 * held from before the call, so that what is in the log when a sync is in it had been written when that began. */
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;

static void note(const char *call, const char *path, const char *more, const void *bytes, ssize_t count) {
    char name[PATH_MAX], head[3 * PATH_MAX];
    struct timespec now;
    int kept = errno;
    if (!is_on("log")) return;
    syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
    snprintf(name, sizeof name, "%s/log", setting("SHIM"));
    int length = snprintf(head, sizeof head, "%lld%09ld %s %s ", (long long)now.tv_sec, now.tv_nsec, call, path);
    length += bytes ? snprintf(head + length, sizeof head - length, "%zd\n", count)
                    : snprintf(head + length, sizeof head - length, "%s\n", more);
    int log = syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_APPEND);
    syscall(SYS_write, log, head, length);
    if (bytes) syscall(SYS_write, log, bytes, count);
    syscall(SYS_close, log);
    errno = kept;
}

ssize_t write(int file, const void *bytes, size_t count) {
    REAL(ssize_t, "write", int, const void *, size_t);
    static __thread int is_half_done;
    char path[PATH_MAX];
    if (file <= 2 || !path_of(file, path)) return real(file, bytes, count);
    if (fails("write")) return -1;
    stall();
    if (is_half_done) {
        is_half_done = 0;
        errno = EIO;
        return -1;
    }
    if (is_on("short") && count > 1) {
        is_half_done = 1;
        count /= 2;
    }
    pthread_mutex_lock(&log_lock);
    ssize_t written = real(file, bytes, count);
    if (written > 0) note("write", path, "", bytes, written);
    pthread_mutex_unlock(&log_lock);
    return written;
}

ssize_t read(int file, void *bytes, size_t count) {
    REAL(ssize_t, "read", int, void *, size_t);
    char path[PATH_MAX];
    if (is_on("read") && path_of(file, path) && fails("read")) return -1;
    return real(file, bytes, count);
}

static int synced(int file, int (*real)(int)) {
    char path[PATH_MAX];
    int is_ours = path_of(file, path);
    if (is_ours && fails("fsync")) return -1;
    if (!is_ours) return real(file);
    if (is_on("slow-fsync")) usleep(1000 * number_in("slow-fsync", 0));
    pthread_mutex_lock(&log_lock);
    int result = real(file);
    if (result == 0) note("fsync", path, "-", NULL, 0);
    pthread_mutex_unlock(&log_lock);
    return result;
}

int fsync(int file) {
    REAL(int, "fsync", int);
    return synced(file, real);
}

int fdatasync(int file) {
    REAL(int, "fdatasync", int);
    return synced(file, real);
}

static int opened(const char *path, int flags, mode_t mode, int (*real)(const char *, int, ...)) {
    if (!is_spooled(path)) return real(path, flags, mode);
    if (fails("open")) return -1;
    pthread_mutex_lock(&log_lock);
    int file = real(path, flags, mode);
    if (file >= 0 && (flags & (O_CREAT | O_TRUNC))) note("create", path, "-", NULL, 0);
    pthread_mutex_unlock(&log_lock);
    return file;
}

#define OPEN(name)                                             \
    int name(const char *path, int flags, ...) {               \
        REAL(int, #name, const char *, int, ...);              \
        va_list rest;                                          \
        va_start(rest, flags);                                 \
        mode_t mode = flags & O_CREAT ? va_arg(rest, int) : 0; \
        va_end(rest);                                          \
        return opened(path, flags, mode, real);                \
    }
OPEN(open)
OPEN(open64)

int rename(const char *from, const char *to) {
    REAL(int, "rename", const char *, const char *);
    if (!is_spooled(from)) return real(from, to);
    if (fails("rename")) return -1;
    stall();
    pthread_mutex_lock(&log_lock);
    int result = real(from, to);
    if (result == 0) note("rename", from, to, NULL, 0);
    pthread_mutex_unlock(&log_lock);
    return result;
}

static int removed(const char *call, const char *path, int (*real)(const char *)) {
    if (!is_spooled(path)) return real(path);
    if (fails(call)) return -1;
    pthread_mutex_lock(&log_lock);
    int result = real(path);
    if (result == 0) note(call, path, "-", NULL, 0);
    pthread_mutex_unlock(&log_lock);
    return result;
}

int unlink(const char *path) {
    REAL(int, "unlink", const char *);
    return removed("unlink", path, real);
}

int rmdir(const char *path) {
    REAL(int, "rmdir", const char *);
    return removed("rmdir", path, real);
}

int mkdir(const char *path, mode_t mode) {
    REAL(int, "mkdir", const char *, mode_t);
    int result = real(path, mode);
    if (result == 0 && is_spooled(path)) note("mkdir", path, "-", NULL, 0);
    return result;
}

int ftruncate64(int file, off64_t length) {
    REAL(int, "ftruncate64", int, off64_t);
    char path[PATH_MAX], text[32];
    int result = real(file, length);
    snprintf(text, sizeof text, "%lld", (long long)length);
    if (result == 0 && path_of(file, path)) note("cut", path, text, NULL, 0);
    return result;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument) {
    REAL(int, "pthread_create", pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    static atomic_llong started;
    if (!is_on("threads")) return real(thread, attributes, body, argument);
    if (atomic_fetch_add(&started, 1) >= number_in("threads", 0)) return EAGAIN;
    return real(thread, attributes, body, argument);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    REAL(int, "clock_gettime", clockid_t, struct timespec *);
    int result = real(clock, time);
    if (clock == CLOCK_REALTIME && result == 0) time->tv_sec += number_in("clock", 0);
    return result;
}
