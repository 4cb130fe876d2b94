"""HTTP, spoken and served. The only part of common that knows FastAPI and httpx.

Empty on purpose: workers import the client without paying for the server.
"""
