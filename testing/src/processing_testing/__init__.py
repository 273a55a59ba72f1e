"""Code that the tests of all packages share. It is installed from a checkout and never published.

pytest loads the plugin (`processing_testing.harness.plugin`) by itself. The plugin provides the watchdog, the leak
checks and the ``--attack`` option; everything else is imported by name from its module.
"""
