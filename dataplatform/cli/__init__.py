"""The platform's own `od` sub-commands, plugged into the SDK's CLI by entry point."""
