# docs/deploy.md says how to run it, and what of it has been tried.
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app

COPY requirements.txt ./
RUN ["python", "-m", "pip", "install", "--require-hashes", "-r", "requirements.txt"]

COPY app.py LICENSE ./
COPY wallboard ./wallboard
COPY templates ./templates
COPY static ./static
RUN ["python", "-m", "compileall", "-q", "wallboard", "app.py"]

# A volume that is mounted here belongs to this user, unless the host says otherwise.
RUN ["install", "-d", "-o", "10001", "-g", "10001", "/data"]
USER 10001:10001
VOLUME ["/data"]

ENV HOST=0.0.0.0 PORT=8000 DATABASE_URL=sqlite:////data/wallboard.db
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f\"http://127.0.0.1:{os.environ['PORT']}/healthz\", timeout=2)"]
CMD ["python", "-m", "wallboard", "serve", "--keep-alive", "95"]
