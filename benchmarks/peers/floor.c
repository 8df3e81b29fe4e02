/*
 * The floor: what the kernel alone costs. One epoll loop that speaks just enough of the protocols for the
 * generator's WebSocket scenarios, checks nothing and is of no other use. A server with layers can come close to
 * it, never below.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHUNK (256 * 1024)
#define LARGEST_HEADER 10

struct connection {
    int fd;
    int upgraded;
    uint32_t slot;
    uint8_t *input, *output;   /* a frame that is not whole; what the kernel would not take */
    size_t input_length, output_length;
};

static int epoll_fd;
static struct connection **connections;
static uint32_t connection_count, connection_capacity;

/* What the chunk being handled is answered with: one write at its end. */
static uint8_t batch[2 * CHUNK];
static size_t batch_length;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void keep(uint8_t **buffer, size_t *length, const uint8_t *bytes, size_t count)
{
    *buffer = realloc(*buffer, *length + count);
    if (!*buffer)
        die("realloc");
    memcpy(*buffer + *length, bytes, count);
    *length += count;
}

static void set_events(struct connection *connection, uint32_t events, int operation)
{
    struct epoll_event event = {.events = events, .data.ptr = connection};
    if (epoll_ctl(epoll_fd, operation, connection->fd, &event) < 0)
        die("epoll_ctl");
}

static void write_out(struct connection *connection, const uint8_t *bytes, size_t length)
{
    ssize_t written = connection->output_length ? 0 : send(connection->fd, bytes, length, MSG_NOSIGNAL);
    if (written == (ssize_t)length || (written < 0 && errno != EAGAIN))
        return;   /* a lost connection shows when it is read */
    if (written < 0)
        written = 0;
    keep(&connection->output, &connection->output_length, bytes + written, length - (size_t)written);
    set_events(connection, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
}

static void write_to_all(const uint8_t *bytes, size_t length)
{
    for (uint32_t i = 0; i < connection_count; i++)
        if (connections[i]->upgraded)
            write_out(connections[i], bytes, length);
}

static void write_kept(struct connection *connection)
{
    ssize_t written = send(connection->fd, connection->output, connection->output_length, MSG_NOSIGNAL);
    if (written <= 0)
        return;
    connection->output_length -= (size_t)written;
    memmove(connection->output, connection->output + written, connection->output_length);
    if (!connection->output_length) {
        free(connection->output);
        connection->output = NULL;
        set_events(connection, EPOLLIN, EPOLL_CTL_MOD);
    }
}

static void drop(struct connection *connection)
{
    close(connection->fd);
    connections[connection->slot] = connections[--connection_count];
    connections[connection->slot]->slot = connection->slot;
    free(connection->input);
    free(connection->output);
    free(connection);
}

/* Write a frame's header so that it ends at `end`; returns where it begins. */
static uint8_t *frame_header(uint8_t *end, uint8_t first, size_t length)
{
    if (length < 126) {
        end -= 2;
        end[1] = (uint8_t)length;
    } else if (length < 65536) {
        end -= 4;
        end[1] = 126;
        end[2] = (uint8_t)(length >> 8);
        end[3] = (uint8_t)length;
    } else {
        end -= 10;
        end[1] = 127;
        for (int i = 0; i < 8; i++)
            end[2 + i] = (uint8_t)((uint64_t)length >> (56 - 8 * i));
    }
    end[0] = first;
    return end;
}

static void answer(uint8_t first, const void *payload, size_t length)
{
    uint8_t header[LARGEST_HEADER];
    uint8_t *begin = frame_header(header + LARGEST_HEADER, first, length);
    size_t size = (size_t)(header + LARGEST_HEADER - begin);
    if (batch_length + size + length > sizeof batch) {
        fprintf(stderr, "one chunk is answered with too much\n");
        exit(1);
    }
    memcpy(batch + batch_length, begin, size);
    memcpy(batch + batch_length + size, payload, length);
    batch_length += size + length;
}

static void answer_text(const char *text)
{
    answer(0x81, text, strlen(text));
}

static void unmask(uint8_t *payload, size_t length, const uint8_t *key)
{
    uint64_t wide = 0, part;
    memcpy(&wide, key, 4);
    wide |= wide << 32;
    size_t i = 0;
    for (; i + 8 <= length; i += 8) {
        memcpy(&part, payload + i, 8);
        part ^= wide;
        memcpy(payload + i, &part, 8);
    }
    for (; i < length; i++)
        payload[i] ^= key[i & 3];
}

/* `payload` stands in a chunk with LARGEST_HEADER bytes in front of it that are no longer needed. */
static void handle_text(uint8_t *payload, size_t length)
{
    static const char fan[] = "42[\"fan\",", echo[] = "[\"echo\",";
    if (length == 2 && memcmp(payload, "40", 2) == 0) {
        answer_text("40{\"sid\":\"floor\"}");
        return;
    }
    if (length > sizeof fan && memcmp(payload, fan, sizeof fan - 1) == 0) {
        uint8_t saved[LARGEST_HEADER];
        memcpy(saved, payload - LARGEST_HEADER, LARGEST_HEADER);
        uint8_t *frame = frame_header(payload, 0x81, length);
        write_to_all(frame, length + (size_t)(payload - frame));
        memcpy(payload - LARGEST_HEADER, saved, LARGEST_HEADER);
        return;
    }
    uint8_t *name = memchr(payload, '[', length < 16 ? length : 16);
    if (!name || length < (size_t)(name - payload) + sizeof echo || memcmp(name, echo, sizeof echo - 1) != 0)
        return;
    /* 42<id>["echo",x] becomes 43<id>[x] in place: the head moves up to the argument. */
    size_t head = (size_t)(name - payload) + 1, cut = sizeof echo - 2;
    payload[1] = '3';
    memmove(payload + cut, payload, head);
    answer(0x81, payload + cut, length - cut);
}

static int handle_frames(uint8_t *data, size_t length, size_t *used)
{
    size_t at = 0;
    while (length - at >= 6) {
        uint8_t *frame = data + at;
        size_t header = 6, size = frame[1] & 0x7f;
        if (size > 125) {
            header = size == 126 ? 8 : 14;
            if (length - at < header)
                break;
            size_t wide = header - 6;
            size = 0;
            for (size_t i = 0; i < wide; i++)
                size = size << 8 | frame[2 + i];
        }
        if (length - at < header + size)
            break;
        uint8_t *payload = frame + header;
        unmask(payload, size, payload - 4);
        if (frame[0] == 0x88) {
            answer(0x88, payload, size < 2 ? 0 : 2);
            return 0;
        }
        if (frame[0] == 0x81)
            handle_text(payload, size);
        at += header + size;
    }
    *used = at;
    return 1;
}

static size_t handle_upgrade(struct connection *connection, const uint8_t *data, size_t length)
{
    const uint8_t *end = memmem(data, length, "\r\n\r\n", 4);
    if (!end)
        return 0;
    /* The answer to the one key that the generator sends. */
    static const char head[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                               "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    memcpy(batch, head, sizeof head - 1);
    batch_length = sizeof head - 1;
    answer_text("0{\"sid\":\"floor\",\"upgrades\":[],\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}");
    connection->upgraded = 1;
    return (size_t)(end - data) + 4;
}

static void handle_input(struct connection *connection)
{
    static uint8_t *room;
    static size_t capacity;
    size_t needed = LARGEST_HEADER + connection->input_length + CHUNK;
    if (capacity < needed) {
        capacity = needed * 2;
        room = realloc(room, capacity);
        if (!room)
            die("realloc");
    }
    uint8_t *chunk = room + LARGEST_HEADER;
    size_t length = connection->input_length, used = 0;
    memcpy(chunk, connection->input ? connection->input : chunk, length);
    ssize_t got = recv(connection->fd, chunk + length, CHUNK, 0);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        drop(connection);
        return;
    }
    length += (size_t)got;
    batch_length = 0;
    if (!connection->upgraded)
        used = handle_upgrade(connection, chunk, length);
    size_t of_frames = 0;
    int open = !connection->upgraded || handle_frames(chunk + used, length - used, &of_frames);
    if (batch_length)
        write_out(connection, batch, batch_length);
    if (!open) {
        drop(connection);
        return;
    }
    used += of_frames;
    free(connection->input);
    connection->input = NULL;
    connection->input_length = 0;
    if (used < length)
        keep(&connection->input, &connection->input_length, chunk + used, length - used);
}

static void accept_all(int listener)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct connection *connection = calloc(1, sizeof *connection);
        if (!connection)
            die("calloc");
        if (connection_count == connection_capacity) {
            connection_capacity = connection_capacity ? 2 * connection_capacity : 1024;
            connections = realloc(connections, connection_capacity * sizeof *connections);
            if (!connections)
                die("realloc");
        }
        connection->fd = fd;
        connection->slot = connection_count;
        connections[connection_count++] = connection;
        set_events(connection, EPOLLIN, EPOLL_CTL_ADD);
    }
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(void)
{
    const char *port = getenv("PORT"), *interval = getenv("PING_INTERVAL");
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port ? port : "8000"))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 1024) < 0)
        die("listen");
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event) < 0)
        die("epoll_ctl");

    static struct epoll_event events[1024];
    double ping_interval = atof(interval ? interval : "25"), next_ping = now() + ping_interval;
    for (;;) {
        int wait_ms = (int)((next_ping - now()) * 1000) + 1;
        int count = epoll_wait(epoll_fd, events, 1024, wait_ms > 0 ? wait_ms : 0);
        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;
            if (!connection) {
                accept_all(listener);
                continue;
            }
            if (events[i].events & EPOLLOUT)
                write_kept(connection);
            if (events[i].events & ~(uint32_t)EPOLLOUT)
                handle_input(connection);
        }
        if (now() >= next_ping) {
            static const uint8_t ping[] = {0x81, 1, '2'};
            write_to_all(ping, sizeof ping);
            next_ping += ping_interval;
        }
    }
}
