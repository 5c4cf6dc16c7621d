"""Everything that runs outside a request: the queue, the sandbox and the DFM engine."""
