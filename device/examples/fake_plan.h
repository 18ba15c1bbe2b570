/**
 * @file fake_plan.h
 * @brief What goes wrong in the fake world, and what came of it. A port sees nothing of it.
 */
#ifndef FAKE_PLAN_H
#define FAKE_PLAN_H

#include "fake_world.h"

/** @brief All zero: nothing goes wrong. A call is any call of the port into the world, the first one is number 1. */
struct fake_plan {
    unsigned power_cut[2];   /**< the power fails in this call, counted anew after each cut; 0: not */
    bool power_cut_at_done;  /**< it also fails when a `done` has reached the platform, before the answer comes */
    bool torn_from_the_end;  /**< what the flash did when the power failed is the second half, else the first */
    unsigned broker_lost;    /**< in this call the broker closes the connection */
    unsigned connection;     /**< this HTTP connection (1 ...) ... */
    size_t connection_bytes; /**< ... has trouble after so many bytes of both directions: */
    enum { FAKE_BREAKS, FAKE_FALLS_SILENT, FAKE_REFUSES } trouble;
    unsigned changed_from; /**< from this HTTP connection on the platform has another file; 0: never */
    unsigned busy_at;      /**< this progress report of a download (1 ...) is answered with "busy" */
    bool quota_first;      /**< the first request to send a file is refused */
    uint32_t bad_sector;   /**< this sector of the flash (1 ...) cannot be written; 0: all can */
    bool oversized_first;  /**< the first answer of the platform does not fit into any buffer */
    bool talks;            /**< world_log() prints */
    uint64_t watch_ms;     /**< the run lasts at least that long, also when the board rests */
};

/** @brief How it went. */
struct fake_outcome {
    bool idle;                     /**< the board came to rest: nothing to do for minutes, and no socket is open */
    unsigned boots, calls;         /**< calls: since the last start */
    size_t served, taken;          /**< bytes that went to the board over HTTP; of the log that came from it */
    unsigned asked_up, asked_down; /**< requests for an object URL */
    unsigned progress;             /**< progress reports of downloads */
    bool upload_done, upload_wrong, download_done, download_failed;
};

/** @brief The power fails in the middle, and one connection of each direction breaks off. */
extern const struct fake_plan fake_demo;

enum { FAKE_FILE_BYTES = 19000 };

/** @brief A new world with this plan, and a board that is switched on for the first time. */
void fake_begin(const struct fake_plan *plan);
struct fake_outcome fake_result(void);
/** @brief The file that the platform has now lies in the flash, and the port knows it for the whole one. */
bool fake_file_is_there(void);
/** @brief Both files are on the other side, each byte of them, and the platform knows. */
bool fake_all_is_well(const struct fake_outcome *outcome);
/** @brief And nothing was moved twice but what came since the last snapshot, also through the power cuts of the plan. */
bool fake_resumed(const struct fake_outcome *outcome);

/** @brief Runs the board until it is idle, through as many starts as the plan makes. Only on a host. */
struct fake_outcome fake_run(const struct fake_plan *plan, int (*firmware)(void));

#endif
