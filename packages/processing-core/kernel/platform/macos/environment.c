/* macOS: a shared library does not see `environ`, environ(7). */
#include "platform/posix/system.h"

#include <crt_externs.h>

char **platform_environment(void) { return *_NSGetEnviron(); }
