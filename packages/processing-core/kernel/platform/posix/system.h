/* What the files of this folder and of the systems that use it share. */
#ifndef PROCESSING_PLATFORM_POSIX_SYSTEM_H
#define PROCESSING_PLATFORM_POSIX_SYSTEM_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "platform/platform.h"

#include <errno.h>
#include <unistd.h>

/* Close the descriptors from `first` to `last`, those that are open. Safe in a child of vfork(2). */
void system_close_range(unsigned first, unsigned last);

#endif
