"""What the tests of every package share. Installed from a checkout, never published.

The pytest plugin (`processing_testing.plugin`) loads by itself and brings the watchdog, the leak checks and the
``--attack`` option; everything else is imported by name from its module.
"""
