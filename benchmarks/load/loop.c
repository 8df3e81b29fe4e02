/* Time, failure, sockets, the measured window and the epoll loop. */
#define _GNU_SOURCE
#include "load.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum phase phase;
struct window window;
struct groups *groups;

static int epoll_fd = -1;
static uint64_t last_progress_ns;
static uint64_t busy_ns;   /* spent on what epoll reported: all but the waiting */

uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

void fail(const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    printf("{\"error\": \"");
    for (const char *at = text; *at; at++) {
        if (*at == '"' || *at == '\\')
            printf("\\%c", *at);
        else if ((unsigned char)*at < 0x20 || (unsigned char)*at > 0x7e)
            printf("\\u%04x", (unsigned char)*at);
        else
            putchar(*at);
    }
    printf("\"}\n");
    fflush(stdout);
    exit(1);
}

void *allocate(size_t size)
{
    void *memory = calloc(1, size);
    if (!memory)
        fail("out of memory");
    return memory;
}

void reserve(uint8_t **buffer, size_t *capacity, size_t needed)
{
    if (needed <= *capacity)
        return;
    size_t grown = *capacity ? *capacity : 256;
    while (grown < needed)
        grown *= 2;
    *buffer = realloc(*buffer, grown);
    if (!*buffer)
        fail("out of memory");
    *capacity = grown;
}

int connect_to_server(void)
{
    static unsigned next;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        fail("socket: %s (open files are limited; see ulimit -n)", strerror(errno));
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);

    /* Several source addresses, and the port chosen at connect: ports never run short, however many connections
       still wait in TIME_WAIT. */
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    struct sockaddr_in source = {.sin_family = AF_INET};
    source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + next % (unsigned)options.sources);
    if (bind(fd, (struct sockaddr *)&source, sizeof source) < 0)
        fail("bind to a source address: %s", strerror(errno));

    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.ports[next % (unsigned)options.port_count])};
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&server, sizeof server) < 0 && errno != EINPROGRESS)
        fail("connect: %s", strerror(errno));
    next++;
    return fd;
}

static void control(int operation, struct watched *watched, uint32_t events)
{
    if (epoll_fd < 0)
        epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = events, .data.ptr = watched};
    if (epoll_ctl(epoll_fd, operation, watched->fd, &event) < 0)
        fail("epoll_ctl: %s", strerror(errno));
}

void watch(struct watched *watched, uint32_t events)
{
    control(EPOLL_CTL_ADD, watched, events);
}

void watch_again(struct watched *watched, uint32_t events)
{
    control(EPOLL_CTL_MOD, watched, events);
}

void progress(void)
{
    last_progress_ns = now_ns();
}

void turn(int timeout_ms)
{
    static struct epoll_event events[1024];
    if (options.spin && phase != PHASE_CONNECT)
        timeout_ms = 0;
    int count = epoll_wait(epoll_fd, events, 1024, timeout_ms);
    if (count < 0 && errno != EINTR)
        fail("epoll_wait: %s", strerror(errno));
    uint64_t began = count > 0 ? now_ns() : 0;
    for (int i = 0; i < count; i++) {
        struct watched *watched = events[i].data.ptr;
        if (watched->fd >= 0)
            watched->on_event(watched, events[i].events);
    }
    if (count > 0) {
        progress();
        busy_ns += last_progress_ns - began;
    } else if (last_progress_ns && now_ns() - last_progress_ns > STALL_NS) {
        fail("stalled: nothing came from the server for %d s", (int)(STALL_NS / 1000000000ull));
    }
}

/* utime + stime of /proc/PID/stat, in seconds: fields 14 and 15, counted behind the command's closing parenthesis. */
static double process_cpu_seconds(int pid)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    if (!file)
        fail("the server's process %d is gone", pid);
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = 0;
    const char *fields = strrchr(text, ')');
    unsigned long user, system;
    if (!fields || sscanf(fields + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
        fail("%s can't be read", path);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

/* The second number of a schedstat file: nanoseconds that a thread could have run while others had its core. */
static double waited_seconds(const char *path)
{
    FILE *file = fopen(path, "r");
    unsigned long long waited = 0;
    if (!file)
        return 0;   /* a thread that has just ended, or a kernel without it */
    if (fscanf(file, "%*u %llu", &waited) != 1)
        waited = 0;
    fclose(file);
    return (double)waited / 1e9;
}

static double process_waited_seconds(int pid)
{
    char path[320];
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *tasks = opendir(path);
    double seconds = 0;
    for (struct dirent *task; tasks && (task = readdir(tasks));) {
        if (task->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", pid, task->d_name);
        seconds += waited_seconds(path);
    }
    if (tasks)
        closedir(tasks);
    return seconds;
}

static double server_waited_seconds(void)
{
    double seconds = 0;
    for (int i = 0; i < options.server_pid_count; i++)
        seconds += process_waited_seconds(options.server_pids[i]);
    return seconds;
}

double server_cpu_seconds(void)
{
    double seconds = 0;
    for (int i = 0; i < options.server_pid_count; i++)
        seconds += process_cpu_seconds(options.server_pids[i]);
    return seconds;
}

double generator_busy_seconds(void)
{
    return (double)busy_ns / 1e9;
}

/* Run until a time, and then until a group ends; returns when that was. */
static uint64_t run_until(uint64_t until)
{
    while (now_ns() < until)
        turn(10);
    if (!groups)
        return now_ns();
    uint64_t ended = groups->ended;
    while (groups->ended == ended)
        turn(10);
    return groups->last_ns;
}

void run_window(void)
{
    phase = PHASE_WARMUP;
    window.begin_ns = run_until(now_ns() + (uint64_t)(options.warmup * 1e9));
    uint64_t ended_before = groups ? groups->ended : 0;
    window.count = 0;
    window.server_waited = -server_waited_seconds();
    window.generator_waited = -waited_seconds("/proc/self/schedstat");
    window.server_cpu = -server_cpu_seconds();
    window.generator_busy = -generator_busy_seconds();
    phase = PHASE_MEASURE;

    window.end_ns = run_until(window.begin_ns + (uint64_t)(options.duration * 1e9));
    if (groups)
        window.count = (groups->ended - ended_before) * groups->size;
    window.server_cpu += server_cpu_seconds();
    window.generator_busy += generator_busy_seconds();
    window.server_waited += server_waited_seconds();
    window.generator_waited += waited_seconds("/proc/self/schedstat");
    phase = PHASE_DRAIN;
}

void print_result(const char *extra)
{
    double seconds = (double)(window.end_ns - window.begin_ns) / 1e9;
    printf("{\"count\": %llu, \"seconds\": %.6f, \"rate\": %.2f, \"server_cpu\": %.4f, \"generator_busy\": %.4f, "
           "\"server_waited\": %.4f, \"generator_waited\": %.4f%s}\n",
           (unsigned long long)window.count, seconds, (double)window.count / seconds, window.server_cpu / seconds,
           window.generator_busy / seconds, window.server_waited / seconds, window.generator_waited / seconds, extra);
    fflush(stdout);
}
