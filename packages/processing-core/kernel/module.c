/* The extension module.  The test-only build has another name, so that both can be installed. */
#include "arena/arena.h"
#include "arena/errors.h"
#include "base/private_lock.h"

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
        drop_replaced(*wanted[i].error);
        *wanted[i].error = error;
    }
    Py_RETURN_NONE;
}

/* Each file that defines Python types or functions has one function, called in this order: types after those that they
 * extend. */
/* clang-format off */
#define REGISTERED(X) \
    X(fast_method) X(handle) X(descriptor_functions) X(descriptor_waits) X(datagrams) X(scope_guard) X(exit_method) X(call_operator) X(environment) \
    X(execute) X(limits) X(server_request) X(immortal) X(signals) X(wait_record) X(trace) X(family) X(fork) X(lock) \
    X(semaphore) X(event) X(condition) X(condition_task) \
    X(scalar) X(block) X(pickle) X(packing) X(queue) X(priority_queue) X(pipe) X(observer) X(claims) X(task_queue) \
    X(arrow) X(creation_site) X(verify) X(introspect) X(layout) X(crash_point)
/* clang-format on */
#define DECLARE(name) bool name##_register(PyObject *module);
REGISTERED(DECLARE)
#define ENTRY(name) name##_register,
static bool (*const registrations[])(PyObject *module) = {REGISTERED(ENTRY)};

/* Whether local sockets have their addresses in the file system, as the build says of systems that have no others. */
#ifndef SOCKET_FILES
#define SOCKET_FILES 0
#endif

static PyMethodDef functions[] = {
    {"set_errors", set_errors, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

/* Of size 0, not -1: else another interpreter would be given a copy of the module without a call of its function. */
static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = TEXT(KERNEL_MODULE_NAME),
    .m_size = 0,
    .m_methods = functions,
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
    static PyObject
        *the_module; /* all state of the kernel is static: it belongs to one interpreter, and is made once */
    if (PyInterpreterState_GetID(PyInterpreterState_Get()) != 0) {
        PyErr_SetString(PyExc_ImportError,
                        "processing serves the main interpreter only, and this is a sub-interpreter");
        return NULL;
    }
    if (the_module) return Py_NewRef(the_module);
    PyObject *module = PyModule_Create(&definition);
    if (!module) return NULL;
#ifdef Py_GIL_DISABLED
    PyUnstable_Module_SetGIL(module, Py_MOD_GIL_NOT_USED);
#endif
    default_errors();
    bool ok = PyModule_AddIntConstant(module, "VERSION", LAYOUT_VERSION) == 0
           && PyModule_AddObjectRef(module, "SOCKET_FILES", SOCKET_FILES ? Py_True : Py_False) == 0;
    for (size_t i = 0; ok && i < sizeof registrations / sizeof *registrations; i++) ok = registrations[i](module);
    if (ok) return the_module = module, Py_NewRef(module);
    Py_DECREF(module);
    return NULL;
}
