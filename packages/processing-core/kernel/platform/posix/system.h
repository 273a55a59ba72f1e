/* What the files of this folder and of the systems that use it share. */
#ifndef PROCESSING_PLATFORM_POSIX_SYSTEM_H
#define PROCESSING_PLATFORM_POSIX_SYSTEM_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "platform/platform.h"

#include <errno.h>
#include <unistd.h>

#endif
