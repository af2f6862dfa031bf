# docker build -t vrbench . && docker run vrbench
# docker run vrbench scripts/test -m quick
# Elsewhere: --build-arg BASE=IMAGE (with Python 3.10 or newer), --build-arg TORCH= (from PyPI).
ARG BASE=python:3.12-slim
FROM $BASE
# torch for processors alone is a tenth as large
ARG TORCH="--index-url https://download.pytorch.org/whl/cpu"

RUN apt-get update \
    && apt-get install -y --no-install-recommends g++ \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /vrbench
RUN python -m venv .venv \
    && .venv/bin/python -m pip install --no-cache-dir torch torchvision $TORCH
COPY . .
RUN .venv/bin/python -m pip install --no-cache-dir --editable '.[test]' \
    && touch .venv/.installed .venv/.installed-test
ENTRYPOINT ["bash"]
CMD ["scripts/run"]
