/* Cells and this member's references to them: making, attaching, detaching. */
#ifndef PROCESSING_OWNERSHIP_H
#define PROCESSING_OWNERSHIP_H

#include "cells/cell_table.h"
#include "cells/references.h"

/* -- cells; call with the GIL.  Each counts one reference of this member. -- */
outcome cell_create(enum cell_kind kind, uint64_t size, bool zeroed, cell_id *id, refno *ref);
outcome cell_attach(enum cell_kind kind, cell_id id, refno *ref);
void cell_detach(refno ref); /* and returns the entry */

#endif
