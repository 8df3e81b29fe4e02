/*
 * The load generator: many Socket.IO clients in one process, one thread and one epoll loop.
 *
 * It is built to cost less per message than any server: frames are masked once, before the run, and only the
 * digits that change are patched; what one chunk asks for leaves in one write; nothing is allocated per message.
 * It checks everything it receives. The first surprise ends the process with the reason, so a number is only
 * ever printed by a run without errors.
 */
#ifndef RTSERVER_LOAD_H
#define RTSERVER_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_SERVER_PIDS 16
#define MAX_PORTS 16

/* What the command line said; see usage() in main.c. */
struct options {
    const char *scenario;
    int ports[MAX_PORTS]; /* of several servers of one cluster: connections go to them in turns */
    int port_count;
    int connections;
    int outstanding;      /* echo: per connection; fan-out: broadcasts; connects: handshakes in flight */
    int payload;          /* bytes of the string argument */
    const char *query;    /* what follows in the query of the upgrade request */
    double warmup;        /* seconds */
    double duration;      /* seconds */
    int sources;          /* source addresses 127.0.0.1 to 127.0.0.N */
    bool spin;            /* ask epoll without waiting: a core that never sleeps is never woken, which costs the server
                             an interrupt, and on a virtual machine much more */
    int server_pids[MAX_SERVER_PIDS];
    int server_pid_count;
};

extern struct options options;

/* ---- loop.c: time, failure, sockets, the measured window, the epoll loop ---- */

uint64_t now_ns(void);

/* Print {"error": ...} and exit with status 1. */
void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

void *allocate(size_t size);

/* Grow `*buffer` to hold `needed` bytes; used for what must be kept between two chunks, never per message. */
void reserve(uint8_t **buffer, size_t *capacity, size_t needed);

/* Start a non-blocking connect to the next server, from the next source address. */
int connect_to_server(void);

/* What epoll's data pointer points at: the first member of everything that owns a socket. */
struct watched {
    void (*on_event)(struct watched *self, uint32_t events);
    int fd;
};

void watch(struct watched *watched, uint32_t events);
void watch_again(struct watched *watched, uint32_t events);

/* Run one turn: wait at most `timeout_ms` and dispatch what came. */
void turn(int timeout_ms);

/* Fail if the run makes no progress for this long: a lost message would otherwise wait for ever. */
#define STALL_NS (20ull * 1000000000ull)
void progress(void);

enum phase { PHASE_CONNECT, PHASE_WARMUP, PHASE_MEASURE, PHASE_DRAIN };
extern enum phase phase;

/* The measured window: counts operations, and how busy both sides are, between begin and end. */
struct window {
    uint64_t count;             /* operations that ended inside the window */
    uint64_t begin_ns, end_ns;
    double server_cpu, generator_busy;   /* seconds: processor time; time not spent waiting */
    /* Seconds that they could have run while other processes had their core: how disturbed the number is. */
    double server_waited, generator_waited;
};
extern struct window window;

/*
 * Ends of operations that belong together: of a broadcast's deliveries. When a scenario sets it, the window begins
 * and ends with one and counts whole groups, so that a server which delivers in bursts gains or loses none.
 */
struct groups {
    uint64_t ended, last_ns;
    uint64_t size;
};
extern struct groups *groups;

/* Run the warm-up, then the window of `options.duration`; returns with `phase` at PHASE_DRAIN. */
void run_window(void);

/* Processor seconds used by the server's processes so far; seconds this one was busy, not waiting. */
double server_cpu_seconds(void);
double generator_busy_seconds(void);

/* Print the result of `window` as one line of JSON; `extra` is "" or `, "key": value`. */
void print_result(const char *extra);

/* ---- client.c: one Socket.IO client over a direct WebSocket connection ---- */

enum client_state {
    CLIENT_IDLE,         /* no socket */
    CLIENT_CONNECTING,   /* TCP */
    CLIENT_UPGRADING,    /* waits for 101 */
    CLIENT_OPENING,      /* waits for the Engine.IO open packet */
    CLIENT_JOINING,      /* waits for the answer to the Socket.IO CONNECT */
    CLIENT_READY,
    CLIENT_CLOSING,      /* close frame sent, waits for the server's */
};

struct client {
    struct watched watched;
    enum client_state state;
    uint32_t index;
    uint32_t life;       /* counts its sockets: a scenario may connect it anew from `closed` */
    uint8_t *input;      /* the tail of the last chunk: a frame that is not whole yet */
    size_t input_length, input_capacity;
    uint8_t *output;     /* what the kernel would not take */
    size_t output_length, output_offset, output_capacity;
    void *data;          /* the scenario's own */
};

/* What a scenario does with its clients. */
struct behaviour {
    void (*ready)(struct client *client);
    /* One text message of the server that is no heartbeat: the whole Engine.IO packet. */
    void (*message)(struct client *client, const uint8_t *packet, size_t length);
    void (*closed)(struct client *client);     /* after client_close; the socket is gone */
};
extern struct behaviour behaviour;

extern uint64_t pings_answered;

void client_connect(struct client *client);

/* Queue bytes for the client whose chunk is being handled; they leave in one write at the chunk's end. */
void client_queue(const uint8_t *bytes, size_t length);
/* Write bytes now, to any client. */
void client_write(struct client *client, const uint8_t *bytes, size_t length);
void client_close(struct client *client);

/* Connect `options.connections` clients, a limited number at a time, and wait until all are ready. */
struct client *clients_connect(void);
/* Close them all and wait for the server to see it. */
void clients_close(struct client *clients, int count);

/* ---- frame.c: WebSocket client frames ---- */

#define MAX_FRAME_HEADER 14

/* Write a final, masked frame into `out` (room for length + MAX_FRAME_HEADER); returns its size. */
size_t frame_write(uint8_t *out, uint8_t opcode, const void *payload, size_t length);

/* A frame that is masked once and sent many times, with `digits` decimal digits that change. */
struct template {
    uint8_t *bytes;
    size_t length;
    size_t digits_at;     /* offset of the first digit in `bytes` */
    int digits;
    uint8_t key[8];       /* the mask, turned so that key[0] masks the first digit */
};

/* Mask `payload`, whose changing digits begin at `digits_at`. */
void template_make(struct template *template, const char *payload, size_t length, size_t digits_at, int digits);

/* Write `value` as `count` masked digits at `at`. */
static inline void template_patch(const struct template *template, uint8_t *frame, uint32_t value)
{
    uint8_t *at = frame + template->digits_at;
    for (int i = template->digits - 1; i >= 0; i--) {
        at[i] = (uint8_t)(('0' + value % 10) ^ template->key[i & 3]);
        value /= 10;
    }
}

/* Read exactly `count` decimal digits; returns UINT32_MAX when something else stands there. */
static inline uint32_t read_digits(const uint8_t *at, int count)
{
    uint32_t value = 0;
    for (int i = 0; i < count; i++) {
        uint32_t digit = (uint32_t)at[i] - '0';
        if (digit > 9)
            return UINT32_MAX;
        value = value * 10 + digit;
    }
    return value;
}

/* ---- acks.c: echo requests, and what their answers must be ---- */

#define ID_DIGITS 6
#define FIRST_ID 100000u

/* The ids of one client: slot s counts s, s + k, s + 2k, ..., so that an id tells its slot. */
struct acks {
    uint32_t *expected;   /* per slot: the id whose answer is outstanding, or 0 */
};

/* `42<id>["echo","xxxx"]` and `43<id>["xxxx"]`, with the id's digits left open. */
extern char *echo_packet;
extern size_t echo_packet_length;
#define ECHO_DIGITS_AT 2

void acks_prepare(void);
void acks_init(struct acks *acks);
/* The first id of a slot. */
uint32_t acks_first(struct acks *acks, int slot);
/* Check one answer wholly (id, outstanding, payload) and return its slot; fails otherwise. */
int acks_check(struct acks *acks, const uint8_t *packet, size_t length);
/* The next id of a slot whose answer has come; 0 instead when the slot is to rest. */
uint32_t acks_next(struct acks *acks, int slot, bool rest);

/* ---- the scenarios ---- */

void run_echo(void);
void run_fanout(void);
void run_polling(void);
void run_connects(void);
void run_idle(void);

#endif
