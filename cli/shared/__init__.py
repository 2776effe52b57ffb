"""What several commands use: their failures, output, arguments, and the service that they speak to."""
