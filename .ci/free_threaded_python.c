/* The `main` of a CPython that is made for programs which are packed with their modules: see free_threaded_python.
 *
 * A library which stands before the C library among those that the program needs: the program's start calls our
 * `__libc_start_main`, which puts this `main` in the place of the program's own. It is `Py_BytesMain`, and adds what
 * this interpreter's `os` and `signal` lack, for it was built where the system had no pidfds. */
#define _GNU_SOURCE
#include <Python.h>
#include <dlfcn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static PyObject *pidfd_open(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"pid", "flags", NULL};
    int pid;
    unsigned int flags = 0;
    (void)module;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "i|I:pidfd_open", names, &pid, &flags)) return NULL;
    long fd = syscall(SYS_pidfd_open, pid, flags);
    return fd < 0 ? PyErr_SetFromErrno(PyExc_OSError) : PyLong_FromLong(fd);
}

static PyObject *pidfd_send_signal(PyObject *module, PyObject *args)
{
    int fd, signal;
    PyObject *info = Py_None;
    unsigned int flags = 0;
    (void)module;
    if (!PyArg_ParseTuple(args, "ii|OI:pidfd_send_signal", &fd, &signal, &info, &flags)) return NULL;
    if (syscall(SYS_pidfd_send_signal, fd, signal, NULL, flags) < 0) return PyErr_SetFromErrno(PyExc_OSError);
    Py_RETURN_NONE;
}

static PyMethodDef lacking[] = {
    {"pidfd_open", (PyCFunction)(void (*)(void))pidfd_open, METH_VARARGS | METH_KEYWORDS, NULL},
    {"pidfd_send_signal", pidfd_send_signal, METH_VARARGS, NULL},
};

static int add(const char *module_name, const char *name, PyObject *value)
{
    PyObject *module = value ? PyImport_ImportModule(module_name) : NULL;
    int failed = !module || (!PyObject_HasAttrString(module, name) && PyObject_SetAttrString(module, name, value) < 0);
    Py_XDECREF(module);
    Py_XDECREF(value);
    return failed;
}

static int add_what_lacks(void)
{
    return add("os", "pidfd_open", PyCFunction_New(&lacking[0], NULL))
        || add("_signal", "pidfd_send_signal", PyCFunction_New(&lacking[1], NULL))
        || add("signal", "pidfd_send_signal", PyCFunction_New(&lacking[1], NULL))
        || add("os", "P_PIDFD", PyLong_FromLong(3));
}

static int own_main(int argc, char **argv, char **env)
{
    (void)env;
    PyConfig config;
    PyConfig_InitPythonConfig(&config);
    PyStatus status = PyConfig_SetBytesArgv(&config, argc, argv);
    if (!PyStatus_Exception(status)) status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status)) Py_ExitStatusException(status); /* also after --version */
    if (add_what_lacks()) {
        PyErr_Print();
        return 1;
    }
    return Py_RunMain();
}

typedef int (*main_function)(int, char **, char **);
typedef int (*start_function)(main_function, int, char **, main_function, void (*)(void), void (*)(void), void *);

int __libc_start_main(main_function program, int argc, char **argv, main_function init, void (*fini)(void),
                      void (*linker_fini)(void), void *stack_end)
{
    (void)program;
    start_function start = (start_function)dlsym(RTLD_NEXT, "__libc_start_main");
    return start(own_main, argc, argv, init, fini, linker_fini, stack_end);
}
