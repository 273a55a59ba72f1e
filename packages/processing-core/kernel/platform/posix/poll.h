/* poll(2) for one descriptor, until a deadline of `monotonic_ns`. */
#ifndef PROCESSING_PLATFORM_POSIX_POLL_H
#define PROCESSING_PLATFORM_POSIX_POLL_H

#include "platform/posix/system.h"

#include <poll.h>

int posix_poll(struct pollfd *p, int64_t deadline_ns);

#endif
