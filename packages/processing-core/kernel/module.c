/* The extension module.  The test-only build has another name, so that both can be installed. */
#include "handle.h"
#include "bound.h"

#include <string.h>

#ifndef KERNEL_MODULE_NAME
#define KERNEL_MODULE_NAME _kernel
#endif
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define TEXT_(a) #a
#define TEXT(a) TEXT_(a)

static PyObject *set_errors(PyObject *Py_UNUSED(module), PyObject *errors)
{
    static const struct {
        const char *name;
        PyObject **error;
    } wanted[] = {{"HandleError", &error_handle},
                  {"OwnerDied", &error_owner_died},
                  {"ForkError", &error_fork},
                  {"NotHeldError", &error_not_held},
                  {"ClosedError", &error_closed}};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        PyObject *error = PyMapping_GetItemString(errors, wanted[i].name);
        if (!error) return NULL;
        Py_XDECREF(*wanted[i].error);
        *wanted[i].error = error;
    }
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"set_errors", set_errors, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = TEXT(KERNEL_MODULE_NAME), .m_size = -1, .m_methods = functions,
};

/* Stand-ins until the package installs its own classes. */
static void default_errors(void)
{
    error_handle = Py_NewRef(PyExc_RuntimeError);
    error_fork = Py_NewRef(PyExc_RuntimeError);
    error_owner_died = Py_NewRef(PyExc_RuntimeError);
    error_not_held = Py_NewRef(PyExc_ValueError);
    error_closed = Py_NewRef(PyExc_ValueError);
}

PyMODINIT_FUNC JOIN(PyInit_, KERNEL_MODULE_NAME)(void);
PyMODINIT_FUNC JOIN(PyInit_, KERNEL_MODULE_NAME)(void)
{
    PyObject *module = PyModule_Create(&definition);
    if (!module) return NULL;
    default_errors();
    bool ok = PyModule_AddIntConstant(module, "VERSION", LAYOUT_VERSION) == 0 && bound_register(module)
           && handle_register(module) && environment_register(module) && spare_register(module) && immortal_register(module) && signals_register(module) && member_register(module) && lock_register(module) && semaphore_register(module) && event_register(module)
           && condition_register(module) && value_register(module) && block_register(module) && codec_register(module) && parcel_register(module)
           && queue_register(module) && pile_register(module) && pipe_register(module) && ears_register(module) && claims_register(module) && check_register(module) && survey_register(module) && crash_register(module);
    if (ok) return module;
    Py_DECREF(module);
    return NULL;
}
