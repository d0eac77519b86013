"""What batchgen answers over HTTP. One folder or file a subject; `app.py` puts the routes together.

An endpoint runs in the event loop; whatever waits for Redis, S3 or OpenAI runs in threads.
"""
