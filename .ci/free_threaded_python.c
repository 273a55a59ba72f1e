/* The `main` of a CPython that comes without one: see free_threaded_python.
 *
 * A library which stands before the C library among those that the program needs: the program's start calls our
 * `__libc_start_main`, which puts this `main` in the place of the program's own. It does what `Py_BytesMain` does for
 * a command, a module, a file, a folder or standard input, and for a prompt after one (`-i`), which has no history. */
#define _GNU_SOURCE
#include <Python.h>
#include <dlfcn.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* -- what this interpreter's `os` and `signal` lack, for it was built where the system had no pidfds -- */

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

/* -- running -- */

static const char run_source[] =
    "def run(command, module, filename, program):\n"
    "    import __main__, os, sys\n"
    "    def find_first(folder):\n"
    "        if not sys.flags.safe_path:\n"
    "            sys.path.insert(0, folder)\n"
    "    if command is not None:\n"
    "        find_first('')\n"
    "        code = compile(command, '<string>', 'exec')\n"
    "    elif module is not None:\n"
    "        import runpy\n"
    "        find_first(os.getcwd())\n"
    "        return runpy._run_module_as_main(module, True)\n"
    "    elif os.path.isdir(filename) or filename.endswith(('.zip', '.pyz')):\n"
    "        import runpy\n"
    "        sys.path.insert(0, filename)\n"
    "        return runpy._run_module_as_main('__main__', False)\n"
    "    else:\n"
    "        from importlib.machinery import SourceFileLoader, SourcelessFileLoader\n"
    "        try:\n"
    "            open(filename, 'rb').close()\n"
    "        except OSError as error:\n"
    "            print(f\"{program}: can't open file {os.path.abspath(filename)!r}: [Errno {error.errno}] \"\n"
    "                  f'{error.strerror}', file=sys.stderr)\n"
    "            raise SystemExit(2) from None\n"
    "        find_first(os.path.dirname(os.path.realpath(filename)))\n"
    "        compiled = filename.endswith('.pyc')\n"
    "        loader = (SourcelessFileLoader if compiled else SourceFileLoader)('__main__', filename)\n"
    "        __main__.__file__, __main__.__cached__, __main__.__loader__ = filename, None, loader\n"
    "        if compiled:\n"
    "            code = loader.get_code('__main__')\n"
    "        else:\n"
    "            with open(filename, 'rb') as file:\n"
    "                code = compile(file.read(), filename, 'exec')\n"
    "    exec(code, __main__.__dict__)\n";

/* Standard input: a prompt, if it is asked for. */
static int run_input(void)
{
    PyObject *path = PySys_GetObject("path"), *here = PyUnicode_FromString("");
    if (path && here) PyList_Insert(path, 0, here);
    Py_XDECREF(here);
    return PyRun_AnyFileExFlags(stdin, "<stdin>", 0, NULL) != 0;
}

/* Of the exception that is set: tracebacks begin with the program. */
static void hide_own_frame(void)
{
    PyObject *error = PyErr_GetRaisedException(), *all = PyException_GetTraceback(error);
    PyObject *rest = all ? PyObject_GetAttrString(all, "tb_next") : NULL;
    if (rest) PyException_SetTraceback(error, rest);
    Py_XDECREF(all);
    Py_XDECREF(rest);
    PyErr_SetRaisedException(error);
}

static int run(PyConfig *config)
{
    if (!config->run_command && !config->run_module && !config->run_filename) return run_input();
    PyObject *names = PyDict_New();
    PyDict_SetItemString(names, "__builtins__", PyEval_GetBuiltins());
    PyObject *code = Py_CompileString(run_source, "<run>", Py_file_input);
    PyObject *done = code ? PyEval_EvalCode(code, names, names) : NULL;
    PyObject *function = done ? PyDict_GetItemString(names, "run") : NULL;
    if (function)
        done = PyObject_CallFunction(function, "uuuu", config->run_command, config->run_module, config->run_filename,
                                     config->program_name);
    if (done) return 0;
    if (function) hide_own_frame();
    int interrupted = PyErr_ExceptionMatches(PyExc_KeyboardInterrupt);
    PyErr_Print(); /* ends the process, if it is SystemExit */
    return interrupted ? -1 : 1;
}

static int own_main(int argc, char **argv, char **env)
{
    (void)env;
    PyConfig config;
    PyConfig_InitPythonConfig(&config);
    PyStatus status = PyConfig_SetBytesArgv(&config, argc, argv);
    if (!PyStatus_Exception(status)) status = PyConfig_Read(&config);
    if (!PyStatus_Exception(status)) status = Py_InitializeFromConfig(&config);
    if (PyStatus_Exception(status)) {
        if (status.err_msg) fprintf(stderr, "python3.14t: %s\n", status.err_msg);
        return status.err_msg ? 1 : status.exitcode; /* as of --version */
    }
    int code = add_what_lacks() ? (PyErr_Print(), 1) : run(&config);
    int whole = config.run_command || config.run_module || config.run_filename;
    if (whole && config.inspect && (config.interactive || isatty(0)))
        code = PyRun_AnyFileExFlags(stdin, "<stdin>", 0, NULL) != 0;
    if (Py_FinalizeEx() < 0 && code == 0) code = 120;
    if (code < 0) { /* as Python ends after Ctrl-C: a shell sees it */
        signal(SIGINT, SIG_DFL);
        kill(getpid(), SIGINT);
        code = 130;
    }
    return code;
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
