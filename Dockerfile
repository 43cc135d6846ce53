# A container that runs the quickstart, on the CPU or on NVIDIA GPUs:
#   docker build --tag mmdet_ps .
#   docker build --build-arg DEVICE=cuda --tag mmdet_ps:cuda .
#   docker run --rm --volume mmdet_ps_runs:/mmdet_ps/work_dirs mmdet_ps
#   docker run --rm --gpus all --ipc host --volume "$PWD/data:/mmdet_ps/data" \
#       mmdet_ps:cuda mmdet-ps train CONFIG
ARG PYTHON_VERSION=3.12
FROM python:${PYTHON_VERSION}-slim-bookworm

# Nothing is run as root. A volume takes the owner of the folder it is laid on.
RUN useradd --create-home --uid 1000 researcher \
    && mkdir -p /mmdet_ps/work_dirs \
    && chown -R researcher:researcher /mmdet_ps
USER 1000
WORKDIR /mmdet_ps

# cpu or cuda. The PyTorch of the default index is the one for CUDA and brings
# its libraries: the host needs the driver and the NVIDIA Container Toolkit.
ARG DEVICE=cpu
# Where the PyTorch for the CPU alone is, a fifth of the size.
ARG CPU_INDEX=https://download.pytorch.org/whl/cpu

# First what seldom changes, so that a change of the code installs nothing.
COPY --chown=1000 requirements.txt ./
RUN case "$DEVICE" in \
        cpu) export PIP_EXTRA_INDEX_URL="$CPU_INDEX" ;; \
        cuda) ;; \
        *) echo "error: DEVICE=$DEVICE is neither cpu nor cuda" >&2; exit 1 ;; \
    esac \
    && python -m venv .venv \
    && .venv/bin/pip install --no-cache-dir --no-compile -r requirements.txt

COPY --chown=1000 . .
RUN sh tools/install.sh && .venv/bin/python tools/check_env.py

ENV PATH=/mmdet_ps/.venv/bin:$PATH
VOLUME /mmdet_ps/work_dirs
CMD ["bash", "quickstart.sh"]
