/**
 * @file news.h
 * @brief What other programs tell about their commits: LISTEN on a connection and a thread of its own.
 */
#ifndef STORE_POSTGRES_NEWS_H
#define STORE_POSTGRES_NEWS_H

#include "api/store.h"

struct postgres_store;
struct pgs_news; /* opaque */

/** @brief The channel of NOTIFY; what is told is the number, in decimal digits. */
#define PGS_NEWS_CHANNEL "ferry_news"

/** @brief Begins; connects, and connects again, by itself. @retval FERRY_E_NOMEM */
FERRY_MUST_CHECK ferry_err pgs_news_start(struct postgres_store *store, const struct store_listener *listener, struct pgs_news **ret_news);
/** @brief Ends: when it returns, no call runs or will run. Accepts null. */
void pgs_news_stop(struct pgs_news *news);

#endif
