#!/bin/sh
# Installs finsent, whose requirements are there, and builds the model in: deploy/images/install.sh [PACKAGE ...]. The named
# packages, and what only building needs, are taken out again. With names, also what the model was built from: the
# version that is built in has it.
set -eu
# The kernel is compiled for all its instruction sets, and one is chosen at run time by what the processor has.
pip install --no-cache-dir --no-deps --no-build-isolation .
# What is installed builds the model, not what lies here; and nothing is built in yet that could be copied. Its topics are
# fitted here, into /opt/finsent/topics: a pod that starts with an empty volume would do so each time.
(cd / && env -u MODEL_BUILT_IN MODEL_CACHE=/opt/finsent/models python -c "
import model
registry = '/opt/finsent/models'
model.load(model.version_folder(registry, model.ensure_default(registry))).topics
")
# Whoever runs it may read it. Only what needs it is touched: a file whose mode is set is copied into another layer.
find /opt/finsent \( -type d ! -perm -0555 -o -type f ! -perm -0444 -o -type f -perm /0111 ! -perm -0111 \) \
    -exec chmod a+rX {} +
pip uninstall --yes "$@" setuptools wheel pip
if [ $# -gt 0 ]; then
    rm /opt/finsent/lib/python3*/site-packages/model/default/*/adapter.safetensors
fi
find /opt/finsent/lib -path '*/site-packages/*/tests' -type d -prune -exec rm -rf {} +
# Nobody asks where a telephone number is from and who carries it (43 MB), nor for the tools of onnx and of its runtime, and
# the data of their tests (30 MB), nor for the sentences from which the model that ships has learnt.
(cd /opt/finsent/lib/python3*/site-packages && rm -rf phonenumbers/geodata phonenumbers/carrierdata phonenumbers/tzdata \
    onnx/backend/test onnx/reference onnxruntime/transformers onnxruntime/quantization onnxruntime/tools retrain/data/written)
# One file of torch's own tests is written for Python 3.12.
python -m compileall -q -j 0 -x torch/testing/_internal/py312_intrinsics /opt/finsent/lib
