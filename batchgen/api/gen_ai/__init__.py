"""`/api/v1/gen-ai`: models and their policies, and the services that a person talks to."""
