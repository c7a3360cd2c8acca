// closing: checks N engines that close each connection after one reply, and does nothing else.
//
// A new connection for each check, every INTERVAL_MS, which must reply "O...". One thread, epoll, a 10 ms tick.
// Any other reply ends it; it records no events, and has no timeout.
//
//   cc -O2 -o closing closing.c && ./closing PORT N INTERVAL_MS
#include "checker.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { tick_ns = 10 * 1000 * 1000, batch = 16 };

static int ep, port, *fd;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

// Begins to connect engine i.
static void begin(int i) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1, off = 0;
    fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd[i] < 0)
        fail("socket");
    setsockopt(fd[i], SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd[i], IPPROTO_TCP, TCP_QUICKACK, &off, sizeof off); // the handshake's ACK rides on the question
    if (connect(fd[i], (void *)&to, sizeof to) < 0 && errno != EINPROGRESS)
        fail("connect");
    struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.u32 = i};
    if (epoll_ctl(ep, EPOLL_CTL_ADD, fd[i], &e) < 0)
        fail("epoll_ctl");
}

// Sends the checks of the connections that are made, and reads the replies.
static void look(void) {
    struct epoll_event ready[512];
    int k = epoll_wait(ep, ready, 512, 0);
    for (int j = 0; j < k; j++) {
        int i = ready[j].data.u32;
        if (!(ready[j].events & EPOLLIN)) {
            if (write(fd[i], check, strlen(check)) < 0)
                fail("write");
            continue;
        }
        char reply[256];
        ssize_t got = read(fd[i], reply, sizeof reply);
        if (got < 2 || reply[0] != 'O') {
            fprintf(stderr, "a reply of %zd bytes\n", got);
            exit(1);
        }
        close(fd[i]);
        fd[i] = -1;
    }
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: closing PORT N INTERVAL_MS\n");
        return 2;
    }
    port = atoi(argv[1]);
    int n = atoi(argv[2]), next = 0;
    double interval = atof(argv[3]) / 1e3, start = now(), done = 0;
    fd = malloc(n * sizeof *fd);
    memset(fd, -1, n * sizeof *fd);
    ep = epoll_create1(0);
    for (;;) {
        look();
        double due = (now() - start) / interval * n;
        for (; done < due; done++, next = (next + 1) % n) {
            if (fd[next] < 0)
                begin(next);
            if ((int)done % batch == batch - 1)
                look();
        }
        look();
        nanosleep(&(struct timespec){.tv_nsec = tick_ns}, NULL);
    }
}
