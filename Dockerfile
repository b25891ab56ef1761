# A CPU host: docker build -t supcon_tf . && docker run --rm -v "$PWD/runs:/supcon/runs" supcon_tf train \
#   --experiment=digits.supcon --workdir=runs/digits_supcon
FROM python:3.11-slim
WORKDIR /src
COPY . .
# Versions are those that setup.py names.
# hadolint ignore=DL3013
RUN pip install --no-cache-dir ".[train]" && rm -rf /src
WORKDIR /supcon
ENTRYPOINT ["supcon"]
CMD ["--help"]
