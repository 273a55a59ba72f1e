/* Which line of the program made a primitive. */
#ifndef PROCESSING_CREATION_SITE_H
#define PROCESSING_CREATION_SITE_H

#include "cells/kinds.h"

/* Remember which line made a primitive, where that is asked for: false with an exception. */
bool site_record(cell_id id, enum cell_kind kind);
/* The line as a string, or None. */
PyObject *site_of(struct cell *c);

#endif
