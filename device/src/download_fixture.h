/** @file download_fixture.h  @brief For tests: steps that many downloads of the test file have in common. */
#ifndef FERRY_DEVICE_DOWNLOAD_FIXTURE_H
#define FERRY_DEVICE_DOWNLOAD_FIXTURE_H

#include "machine_fixture.h"

/** The platform names a file by a message of this type. */
void download_offer(struct machine *m, const char *type, const char *name, uint64_t size, const char *md5, const char *url);
/** The device asks, and is told of the test file at this URL. */
void download_offer_again(struct machine *m, const char *url);
/** So many bytes of the partial file may be used. */
void download_opened(struct machine *m, uint64_t usable);
/** The partial file is looked at again, after a pause: all of it may be used. */
void download_reopened(struct machine *m, uint64_t offset);
/** The next action is the HTTP request, for all of it; the first len bytes come. */
void download_receive(struct machine *m, size_t len);
/** The same; then the connection is lost, and the pause is over. */
void download_lose_at(struct machine *m, size_t len);
/** The end of a download whose bytes have all arrived. */
void download_commit_and_confirm(struct machine *m);

#endif
