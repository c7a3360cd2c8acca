// engine: replies "OK" to every message at the least cost, so that it does not distort what is measured.
//
//   cc -O2 -o engine engine.c && ./engine PORT keep|close [INTERVAL_NS PHASES]
//
// keep leaves connections open, as most Engines do; close ends each one after its reply, as the first Engines did.
// PHASES is a file of N numbers, one a line: line i has the phase in ns of the ticks of the charge point whose id ends
// with _i. With it the engine records how late each question came, by the wall clock, and which ticks had none.
//
// Commands, each on a connection of its own, and what is replied:
//   count     how many OKs it has sent
//   seen      how many charge points have asked
//   report    questions p50 p99 max missed early: what was recorded since the last report; lateness in us
//   mute K    from now on every K-th charge point gets no reply, and is not recorded; 0: none. The reply is K
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BUCKET_US = 10, BUCKETS = 200000 };

static long answers, questions, seen, missed, early, interval, cps, every;
static long *phase, *tick; // by number: of the ticks; of the last question
static int histogram[BUCKETS], latest;

static void load(const char *file) {
    FILE *f = fopen(file, "r");
    if (!f) {
        perror(file);
        exit(1);
    }
    long room = 0, p;
    while (fscanf(f, "%ld", &p) == 1) {
        if (++cps >= room)
            phase = realloc(phase, (room = 2 * room + 1024) * sizeof *phase);
        phase[cps] = p;
    }
    fclose(f);
    tick = calloc(cps + 1, sizeof *tick);
}

// The number at the end of the id in "EV_CP_M CP_00042 health_check"; 0 if there is none.
static long number_of(const char *question, long got) {
    const char *end = question + got, *p = memrchr(question, '_', got);
    p = p ? memrchr(question, '_', p - question) : NULL; // the one before that of health_check
    long n = 0;
    while (p && ++p < end && *p >= '0' && *p <= '9')
        n = 10 * n + *p - '0';
    return n >= 1 && n <= cps ? n : 0;
}

static void record(long n) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    long since = t.tv_sec * 1000000000L + t.tv_nsec - phase[n];
    long k = (since + interval / 2) / interval, late = since - k * interval;
    if (!tick[n])
        seen++;
    else if (k > tick[n] + 1)
        missed += k - tick[n] - 1;
    tick[n] = k;
    early += late < 0;
    int bucket = late < 0 ? 0 : late / 1000 / BUCKET_US;
    if (bucket >= BUCKETS)
        bucket = BUCKETS - 1;
    histogram[bucket]++;
    questions++;
    if (bucket > latest)
        latest = bucket;
}

static long percentile(double p) {
    long sum = 0;
    for (int i = 0; i < BUCKETS; i++)
        if ((sum += histogram[i]) >= p * questions)
            return (i + 1L) * BUCKET_US;
    return 0;
}

static int command(int fd, const char *text, long got) {
    if (got == 5 && memcmp(text, "count", 5) == 0)
        dprintf(fd, "%ld\n", answers);
    else if (got == 4 && memcmp(text, "seen", 4) == 0)
        dprintf(fd, "%ld\n", seen);
    else if (got == 6 && memcmp(text, "report", 6) == 0) {
        dprintf(fd, "%ld %ld %ld %ld %ld %ld\n", questions, percentile(0.5), percentile(0.99), (latest + 1L) * BUCKET_US, missed, early);
        memset(histogram, 0, sizeof histogram);
        questions = missed = early = latest = 0;
    } else if (got > 5 && got < 20 && memcmp(text, "mute ", 5) == 0) {
        every = atol(text + 5);
        dprintf(fd, "%ld\n", every);
    } else
        return 0;
    return 1;
}

int main(int argc, char **argv) {
    if (argc != 3 && argc != 5) {
        fprintf(stderr, "usage: engine PORT keep|close [INTERVAL_NS PHASES]\n");
        return 2;
    }
    int keep = strcmp(argv[2], "keep") == 0;
    if (argc == 5) {
        interval = atol(argv[3]);
        load(argv[4]);
    }
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(0x7f000001)};
    if (bind(listener, (void *)&at, sizeof at) < 0 || listen(listener, 4096) < 0) {
        perror("listen");
        return 1;
    }
    int ep = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = listener}, ready[512];
    epoll_ctl(ep, EPOLL_CTL_ADD, listener, &e);
    for (;;) {
        int n = epoll_wait(ep, ready, 512, -1);
        for (int i = 0; i < n; i++) {
            int fd = ready[i].data.fd;
            if (fd == listener) {
                int peer;
                while ((peer = accept4(listener, 0, 0, SOCK_NONBLOCK)) >= 0) {
                    e.events = EPOLLIN;
                    e.data.fd = peer;
                    epoll_ctl(ep, EPOLL_CTL_ADD, peer, &e);
                }
                continue;
            }
            char question[2048];
            ssize_t got = read(fd, question, sizeof question - 1);
            if (got < 0 && errno == EAGAIN)
                continue;
            question[got > 0 ? got : 0] = 0;
            if (got > 0 && got < 20 && command(fd, question, got))
                continue;
            long cp = got > 0 && cps ? number_of(question, got) : 0;
            if (cp && every && cp % every == 0)
                continue;
            if (cp && memmem(question, got, "health", 6))
                record(cp);
            if (got <= 0 || write(fd, "OK", 2) < 0) {
                close(fd);
                continue;
            }
            answers++;
            if (!keep)
                close(fd);
        }
    }
}
