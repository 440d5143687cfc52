/* SPDX-License-Identifier: Apache-2.0 */
/* A small thread pool. Workers spin for a short while after a run, since the next layer is
   usually microseconds away, and then sleep. The caller works too, and waits for those workers only
   that take part: one that wakes up late, on a busy machine, finds the run closed. */
#include "base.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_THREADS = 64, SPINS = 4000, CLOSED = -1 };

typedef struct worker {
    ork_pool *pool;
    pthread_t thread;
    int index;
} worker;

struct ork_pool {
    int threads;
    worker workers[MAX_THREADS];
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    /* One run; written before `generation` moves on, which publishes it. */
    ork_task_fn task;
    void *arg;
    int count;
    atomic_uint generation;
    atomic_int next;
    atomic_int inside; /* workers that take part in the run, or CLOSED */
    atomic_bool stop;
};

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void work(ork_pool *pool, int index)
{
    for (int i; (i = atomic_fetch_add(&pool->next, 1)) < pool->count;)
        pool->task(pool->arg, i, index);
}

static unsigned wait_for_run(ork_pool *pool, unsigned seen)
{
    for (int spin = 0; spin < SPINS; spin++) {
        unsigned now = atomic_load(&pool->generation);
        if (now != seen)
            return now;
        relax();
    }
    pthread_mutex_lock(&pool->mutex);
    while (atomic_load(&pool->generation) == seen)
        pthread_cond_wait(&pool->wake, &pool->mutex);
    pthread_mutex_unlock(&pool->mutex);
    return atomic_load(&pool->generation);
}

static bool enter(ork_pool *pool)
{
    int inside = atomic_load(&pool->inside);
    while (inside != CLOSED)
        if (atomic_compare_exchange_weak(&pool->inside, &inside, inside + 1))
            return true;
    return false;
}

/* Once the last worker has left. Who holds up a run for long is not on a processor: it gets one. */
static void close_run(ork_pool *pool)
{
    int inside = 0;
    for (int spin = 0; !atomic_compare_exchange_weak(&pool->inside, &inside, CLOSED); spin++) {
        inside = 0;
        if (spin < SPINS)
            relax();
        else
            sched_yield();
    }
}

static void *worker_main(void *arg)
{
    worker *self = arg;
    ork_pool *pool = self->pool;
    unsigned seen = 0;
    for (;;) {
        seen = wait_for_run(pool, seen);
        if (atomic_load(&pool->stop))
            return NULL;
        if (!enter(pool))
            continue;
        work(pool, self->index);
        atomic_fetch_sub(&pool->inside, 1);
    }
}

static void publish(ork_pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    atomic_fetch_add(&pool->generation, 1);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
}

ork_pool *ork_pool_new(int threads)
{
    if (threads <= 0)
        threads = (int)sysconf(_SC_NPROCESSORS_ONLN);
    if (threads < 1)
        threads = 1;
    if (threads > MAX_THREADS)
        threads = MAX_THREADS;
    ork_pool *pool = calloc(1, sizeof(*pool));
    if (!pool)
        return NULL;
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pool->threads = 1;
    atomic_store(&pool->inside, CLOSED);
    for (int i = 1; i < threads; i++) {
        pool->workers[i] = (worker){.pool = pool, .index = i};
        if (pthread_create(&pool->workers[i].thread, NULL, worker_main, &pool->workers[i]) != 0) {
            ork_pool_free(pool);
            return NULL;
        }
        pool->threads++;
    }
    return pool;
}

void ork_pool_free(ork_pool *pool)
{
    if (!pool)
        return;
    atomic_store(&pool->stop, true);
    publish(pool);
    for (int i = 1; i < pool->threads; i++)
        pthread_join(pool->workers[i].thread, NULL);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->mutex);
    free(pool);
}

int ork_pool_threads(const ork_pool *pool)
{
    return pool ? pool->threads : 1;
}

void ork_pool_run(ork_pool *pool, ork_task_fn task, void *arg, int count)
{
    if (!pool || pool->threads == 1 || count <= 1) {
        for (int i = 0; i < count; i++)
            task(arg, i, 0);
        return;
    }
    pool->task = task;
    pool->arg = arg;
    pool->count = count;
    atomic_store(&pool->next, 0);
    atomic_store(&pool->inside, 0);
    publish(pool);
    work(pool, 0);
    close_run(pool);
}
