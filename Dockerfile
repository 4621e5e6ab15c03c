# Two images that run as an unprivileged user and serve the pipeline in /pipeline:
#   docker build --target slim .   an exported model (`export-onnx`), without torch and spaCy
#   docker build --target full .   any pipeline
FROM python:3.11-slim AS base
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONUNBUFFERED=1
RUN useradd --create-home --uid 10001 ner
WORKDIR /src
COPY . /src
EXPOSE 8000
HEALTHCHECK CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz')"]

FROM base AS slim
RUN python -m pip install -c constraints.txt numpy onnxruntime fastapi uvicorn prometheus-client typer wasabi
RUN python -m pip install --no-deps .
USER ner
WORKDIR /home/ner
CMD ["zh-tw-ner", "serve", "/pipeline", "--host", "0.0.0.0", "--port", "8000"]

FROM base AS full
RUN python -m pip install -c constraints.txt torch --index-url https://download.pytorch.org/whl/cpu
RUN python -m pip install -c constraints.txt ".[serve,fast,onnx]"
USER ner
WORKDIR /home/ner
CMD ["zh-tw-ner", "serve", "/pipeline", "--host", "0.0.0.0", "--port", "8000"]
