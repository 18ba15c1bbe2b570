/**
 * @file bus_thread.h
 * @brief What buses over a network have in common: a thread that keeps a connection, and a bounded outbox that it empties.
 *
 * A bus begins with this; start, publish and stop of its table are those here. What the thread does, it says itself.
 */
#ifndef MQTT_BUS_THREAD_H
#define MQTT_BUS_THREAD_H

#include "api/bus.h"
#include "mqtt/outbox.h"

#include <pthread.h>

struct bus_thread {
    struct bus bus;
    void *(*run)(void *bus);
    uint32_t retry_first_ms, retry_max_ms;
    struct bus_listener listener; /**< set by start, before the thread exists */
    pthread_t thread;
    pthread_mutex_t calling; /**< held while the listener may be called; guards stopped */
    bool stopped;
    pthread_mutex_t lock; /**< guards what follows; always taken after calling */
    bool started;         /**< the thread exists */
    bool closing;
    bool holding;      /**< nobody is woken for what is put into the outbox */
    bool connected;    /**< messages can be sent, and waiting ones arrive already */
    uint64_t since_ms; /**< when the connection was lost, or the bus was started */
    struct outbox outbox;
    int wake_fd;       /**< eventfd, for poll(): something was put into an empty outbox, stop, or close */
    uint32_t pause_ms; /**< of the thread alone: before the next attempt */
};

struct bus_thread_config {
    const struct bus_ops *ops;
    void *(*run)(void *bus); /**< the thread: until bus_thread_goes_on() says no */
    uint64_t queue_bytes_max;
    uint32_t retry_first_ms, retry_max_ms; /**< a pause, then doubling, up to the other */
};

/** @retval FERRY_OK | FERRY_E_NOMEM: bus_thread_done() is due all the same */
FERRY_MUST_CHECK ferry_err bus_thread_init(struct bus_thread *t, const struct bus_thread_config *cfg);
/** @brief The thread has ended, or was never started. */
void bus_thread_done(struct bus_thread *t);

/* Slots of bus_ops. */
FERRY_MUST_CHECK ferry_err bus_thread_start(struct bus *bus, const struct bus_listener *listener);
FERRY_MUST_CHECK ferry_err bus_thread_publish(struct bus *bus, const char *topic, const void *payload, size_t len);
void bus_thread_hold(struct bus *bus);
void bus_thread_let_go(struct bus *bus);
void bus_thread_stop(struct bus *bus);

/** @brief For a let_go of one's own: ends hold. @return how many messages wait to be sent */
size_t bus_thread_end_hold(struct bus_thread *t);
/** @brief Ends the thread's poll(). Any thread. */
void bus_thread_wake(const struct bus_thread *t);

/** @brief For close: stops, and tells the thread to send what waits and end. Who has waited for that joins it if it was started. */
void bus_thread_close(struct bus_thread *t);

/* For the thread. */

bool bus_thread_is_closing(struct bus_thread *t);
bool bus_thread_is_stopped(struct bus_thread *t);
/** @brief Neither: a connection is wanted. */
bool bus_thread_goes_on(struct bus_thread *t);
/** @brief The connection is there or gone. What has waited for longer than BUS_KEEP_MS nobody waits for: it is thrown away. */
void bus_thread_set_connected(struct bus_thread *t, bool connected);
/** @brief Tells the listener, unless it was stopped. Called with calling held. */
void bus_thread_tell_link(const struct bus_thread *t, bool up);
/** @brief How many messages wait to be sent. */
size_t bus_thread_waiting(struct bus_thread *t);
/** @brief The oldest message to send, which the caller frees; null: none. */
struct bus_message *bus_thread_take(struct bus_thread *t);
/** @brief After poll() found wake_fd readable: it is quiet again. */
void bus_thread_hush(const struct bus_thread *t);
/** @brief The pause before the next attempt, with a part of chance; the one after it is twice as long. A wake-up ends it. */
void bus_thread_pause(struct bus_thread *t);
/** @brief The attempt has succeeded: the next pause is the first one again. */
void bus_thread_forget_pauses(struct bus_thread *t);

#endif
