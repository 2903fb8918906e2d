/* Init is two threads. The first reads packets and starts commands: it is locked down as they are,
 * and they inherit that. The second, the keeper, builds the machine and keeps the capabilities;
 * what takes them it does while the first waits. A signal from inside reaches neither. */
#include "agentos.h"

#include <pthread.h>
#include <semaphore.h>

enum { STACK = 256 * 1024 };

static struct {
    void (*build)(const struct plan *plan), (*settle)(void), (*work)(void);
    const struct plan *plan;
    sem_t network_made, machine_built, asked, done;
} keeper;

static void wait_for(sem_t *semaphore) {
    while (sem_wait(semaphore))
        if (errno != EINTR) fail("wait for init's other thread");
}

static void tell(sem_t *semaphore) {
    if (sem_post(semaphore)) fail("wake init's other thread");
}

static void *keep(void *nothing) {
    keeper.build(keeper.plan);
    tell(&keeper.machine_built);
    keeper.settle();
    for (;; tell(&keeper.done)) {
        wait_for(&keeper.asked);
        keeper.work();
    }
    return nothing;
}

/* A small stack: a large one may be given a huge page. */
void start_keeper(void (*build)(const struct plan *plan), void (*settle)(void),
                  const struct plan *plan) {
    pthread_attr_t attributes;
    pthread_t thread;
    keeper.build = build;
    keeper.settle = settle;
    keeper.plan = plan;
    sem_t *all[] = {&keeper.network_made, &keeper.machine_built, &keeper.asked, &keeper.done};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (sem_init(all[i], 0, 0)) fail("start init's other thread");
    if ((errno = pthread_attr_init(&attributes)) ||
        (errno = pthread_attr_setstacksize(&attributes, STACK)) ||
        (errno = pthread_create(&thread, &attributes, keep, NULL)))
        fail("start init's other thread");
}

/* Of the user that commands have, with whose processes the kernel counts them; gVisor's does not
 * count the one thread that init is there. */
int threads_of_init(void) { return keeper.build ? 2 : 0; }

void network_is_made(void) { tell(&keeper.network_made); }

void await_network(void) { wait_for(&keeper.network_made); }

void await_machine(void) { wait_for(&keeper.machine_built); }

/* Of an init that has none, which is one thread, it does without. */
void with_capabilities(void (*work)(void)) {
    if (!keeper.build) return work();
    keeper.work = work;
    tell(&keeper.asked);
    wait_for(&keeper.done);
}
