# docker build -t vrbench . && docker run vrbench
# docker run vrbench scripts/test -m quick
FROM python:3.12-slim

RUN apt-get update \
    && apt-get install -y --no-install-recommends g++ \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /vrbench
# torch for processors alone is a tenth as large
RUN python -m venv .venv \
    && .venv/bin/python -m pip install --no-cache-dir torch torchvision \
        --index-url https://download.pytorch.org/whl/cpu
COPY . .
RUN .venv/bin/python -m pip install --no-cache-dir --editable '.[test]'
ENTRYPOINT ["bash"]
CMD ["scripts/run"]
