#include "cells/kinds.h"

const struct cell_ops *cell_ops[CELL_KINDS];
