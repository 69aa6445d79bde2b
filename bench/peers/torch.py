"""Times PyTorch on the cases of the throughput suite: whichever PyTorch this machine has, on its GPU if it sees one.

    python3 torch.py --cases cases.json [--modes eager,compiled,tf32,bf16] [--device cuda|cpu] [--seconds 0.5]
    python3 torch.py --describe
    python3 torch.py --serve --modes eager

`--cases` names a JSON list of {kind, dtype, direction, shapes, options, seed?}; kinds and shapes are those of
bench/peer.ts. For each case and mode one line of JSON comes out: {kind, shape, dtype, direction, mode, device, version,
medianMs, p20Ms, p80Ms, samples, note}, or with `unsupported` instead of times. `--describe` prints the version, the
device and the modes it knows. `--serve` answers requests on
standard input, for one mode: see bench/peers/torch.ts, which compares the results, too.

Modes: eager; compiled (torch.compile); tf32, for f32 cases (matrix units round operands to 10 bits); bf16, for f16
cases (bfloat16 instead of half). In all but tf32, f32 is f32 throughout.

Times are PyTorch's own: CUDA events around one execution on the GPU, with the L2 cache flushed before each; on a CPU,
perf_counter. Warm-up, compilation and cuDNN's choice of algorithm come before. A gradient is timed without its forward
pass. Convolutions run channels-last (torch.channels_last_3d), attention is scaled_dot_product_attention.
"""

import argparse
import contextlib
import ctypes
import json
import math
import os
import sys
import time

# A file named torch.py, run as a script, would otherwise be what `import torch` finds: its folder comes first.
sys.path.pop(0)
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402

MODES = ("eager", "compiled", "tf32", "bf16")
MIN_SAMPLES, MAX_SAMPLES, WARM_UP = 20, 500, 5


class Unsupported(Exception):
    """Why a case cannot run."""


# ---- What a case computes -------------------------------------------------------------------------------------------


def triple(value):
    return [value] * 3 if isinstance(value, int) else list(value)


def conv3d(options):
    stride, dilation = triple(options.get("stride", 1)), triple(options.get("dilation", 1))
    before = triple(options.get("paddingBefore", options.get("padding", 0)))
    after = triple(options.get("paddingAfter", options.get("padding", 0)))
    groups = options.get("groups", 1)
    symmetric = before == after
    # F.pad counts from the last axis.
    sides = [side for axis in (2, 1, 0) for side in (before[axis], after[axis])]

    def program(x, weight, bias=None):
        # [N, D, H, W, C] seen as [N, C, D, H, W] is what PyTorch calls channels_last_3d: no copy is made.
        x, weight = x.permute(0, 4, 1, 2, 3), weight.permute(0, 4, 1, 2, 3)
        if not symmetric:
            x = F.pad(x, sides)
        y = F.conv3d(x, weight, bias, stride, before if symmetric else 0, dilation, groups)
        return y.permute(0, 2, 3, 4, 1)

    return program


def attention(options):
    scale, causal = options.get("scale"), options.get("causal", False)

    def program(q, k, v):
        q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
        return F.scaled_dot_product_attention(q, k, v, is_causal=causal, scale=scale).transpose(1, 2)

    return program


def matmul(options):
    swap_a, swap_b = options.get("transposeA", False), options.get("transposeB", False)
    return lambda a, b: torch.matmul(a.mT if swap_a else a, b.mT if swap_b else b)


def layer_norm(options):
    axes, eps = options.get("axes", 1), options.get("eps", 1e-5)
    has_weight, has_bias = options.get("weight", True), options.get("bias", True)

    def program(x, *affine):
        affine = list(affine)
        weight = affine.pop(0) if has_weight and affine else None
        bias = affine.pop(0) if has_bias and affine else None
        return F.layer_norm(x, x.shape[-axes:], weight, bias, eps)

    return program


def rotated(x, table):
    sin, cos = table.chunk(2, -1)
    return x * cos + torch.stack((-x[..., 1::2], x[..., ::2]), -1).flatten(-2) * sin


def colipri_image(options):
    names, heads, pooler_heads, depth = (options[key] for key in ("names", "heads", "poolerHeads", "depth"))

    def program(volume, table, *tensors):
        weights = dict(zip(names, tensors))

        def linear(x, name):
            return F.linear(x, weights[f"{name}.weight"], weights.get(f"{name}.bias"))

        def norm(x, name):
            return F.layer_norm(x, x.shape[-1:], weights[f"{name}.weight"], weights[f"{name}.bias"], 1e-5)

        def split(x):
            return x.unflatten(-1, (heads, -1)).transpose(1, 2)

        def attend(x, name):
            query, key = (rotated(split(linear(x, f"{name}.{part}_proj")), table) for part in "qk")
            mixed = F.scaled_dot_product_attention(query, key, split(linear(x, f"{name}.v_proj")))
            return linear(norm(mixed.transpose(1, 2).flatten(2), f"{name}.norm"), f"{name}.proj")

        def feed_forward(x, name):
            hidden = F.silu(linear(x, f"{name}.fc1_g")) * linear(x, f"{name}.fc1_x")
            return linear(norm(hidden, f"{name}.norm"), f"{name}.fc2")

        backbone = "image_encoder.backbone"
        patches = weights[f"{backbone}.down_projection.proj.weight"].permute(0, 4, 1, 2, 3)
        bias = weights[f"{backbone}.down_projection.proj.bias"]
        x = F.conv3d(volume.permute(0, 4, 1, 2, 3), patches, bias, patches.shape[2:]).flatten(2).transpose(1, 2)
        for block in (f"{backbone}.eva.blocks.{number}" for number in range(depth)):
            x = x + weights[f"{block}.gamma_1"] * attend(norm(x, f"{block}.norm1"), f"{block}.attn")
            x = x + weights[f"{block}.gamma_2"] * feed_forward(norm(x, f"{block}.norm2"), f"{block}.mlp")
        projector = weights["image_encoder.projector.weight"].flatten(1)
        x = F.linear(norm(x, f"{backbone}.eva.norm"), projector, weights["image_encoder.projector.bias"]).transpose(0, 1)
        parts = ("in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias")
        packed, packed_bias, output, output_bias = (weights[f"image_encoder.pooler.attn.{part}"] for part in parts)
        pooled, _ = F.multi_head_attention_forward(
            *(x.mean(0, keepdim=True), x, x, x.shape[-1], pooler_heads, packed, packed_bias, None, None, False, 0.0),
            *(output, output_bias),
            training=False,
            need_weights=False,
        )
        return F.normalize(pooled[0], dim=-1)

    return program


PROGRAMS = {
    "matmul": matmul,
    "linear": lambda options: F.linear,
    "conv3d": conv3d,
    "attention": attention,
    "layerNorm": layer_norm,
    "softmax": lambda options: lambda x: torch.softmax(x, options.get("axis", -1)),
    "gelu": lambda options: F.gelu,
    "colipriImage": colipri_image,
}


# ---- Modes and devices ----------------------------------------------------------------------------------------------


def element_type(dtype, mode):
    if mode == "tf32" and dtype != "f32":
        raise Unsupported("tf32 is for f32 cases")
    if mode == "bf16" and dtype != "f16":
        raise Unsupported("bf16 stands in for f16")
    return torch.float32 if dtype == "f32" else torch.bfloat16 if mode == "bf16" else torch.float16


def set_mode(mode):
    """Also cuDNN, which would otherwise take tf32 for f32 convolutions by itself."""
    torch.backends.cuda.matmul.allow_tf32 = mode == "tf32"
    torch.backends.cudnn.allow_tf32 = mode == "tf32"
    torch.backends.cudnn.benchmark = True


def compiled(program):
    # Programs of one kind share their code, and after some recompilations of it would silently run eagerly.
    torch._dynamo.reset()
    with contextlib.suppress(ImportError, AttributeError):
        import torch._functorch.config as config

        config.donated_buffer = False  # gradients are computed again and again from one forward pass
    return torch.compile(program, dynamic=False)


class Timer:
    """Samples of single executions, in milliseconds."""

    def __init__(self, device):
        self.cuda = device.type == "cuda"
        size = 64 << 20
        if self.cuda:
            size = max(size, 2 * getattr(torch.cuda.get_device_properties(device), "L2_cache_size", 0))
        self.flushed = torch.empty(size // 4, dtype=torch.float32, device=device) if self.cuda else None

    def sync(self):
        if self.cuda:
            torch.cuda.synchronize()

    def samples(self, run, seconds):
        for _ in range(WARM_UP):
            run()
        self.sync()
        start = time.perf_counter()
        run()
        self.sync()
        estimate = max(time.perf_counter() - start, 1e-6)
        count = min(MAX_SAMPLES, max(MIN_SAMPLES, math.ceil(seconds / estimate)))
        return self.on_gpu(run, count) if self.cuda else self.on_cpu(run, count)

    def on_gpu(self, run, count):
        # All are queued before the first is waited for, so that no launch is late.
        events = [[torch.cuda.Event(enable_timing=True) for _ in range(2)] for _ in range(count)]
        for begin, end in events:
            self.flushed.zero_()
            begin.record()
            run()
            end.record()
        torch.cuda.synchronize()
        return [begin.elapsed_time(end) for begin, end in events]

    def on_cpu(self, run, count):
        out = []
        for _ in range(count):
            start = time.perf_counter()
            run()
            out.append(1e3 * (time.perf_counter() - start))
        return out


def quantile(values, fraction):
    ordered = sorted(values)
    at = fraction * (len(ordered) - 1)
    low = math.floor(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (at - low) * (ordered[high] - ordered[low])


# ---- One case -------------------------------------------------------------------------------------------------------


class Prepared:
    """A case with its inputs on the device, run once."""

    def __init__(self, case, mode, device, arrays):
        set_mode(mode)
        dtype = element_type(case["dtype"], mode)
        program = PROGRAMS[case["kind"]](case.get("options", {}))
        if mode == "compiled":
            program = compiled(program)
        tensors = [array.to(device=device, dtype=dtype) for array in arrays]
        if case["direction"] == "forward":
            self.execute = self.without_gradients(program, tensors)
        else:
            self.execute = self.gradients(program, tensors)
        self.result = self.execute()

    @staticmethod
    def without_gradients(program, inputs):
        def execute():
            with torch.no_grad():
                return program(*inputs)

        return execute

    @staticmethod
    def gradients(program, tensors):
        """The last tensor is the gradient of the output; one forward pass serves all executions."""
        *inputs, gradient = tensors
        for tensor in inputs:
            tensor.requires_grad_(True)
        output = program(*inputs)
        gradient = gradient.reshape(output.shape)
        return lambda: torch.autograd.grad(output, inputs, gradient, retain_graph=True)[0]

    def run(self):
        self.result = self.execute()


def make_inputs(case):
    """Uniform in [-1, 1), the same on every machine for a seed."""
    generator = torch.Generator().manual_seed(case.get("seed", 0))
    shapes = list(case["shapes"])
    arrays = [torch.rand(shape, generator=generator) * 2 - 1 for shape in shapes]
    if case["direction"] == "backward" and not case.get("withGradient", False):
        with torch.no_grad():
            output = PROGRAMS[case["kind"]](case.get("options", {}))(*arrays)
        arrays.append(torch.rand(output.shape, generator=generator) * 2 - 1)
    return arrays


def times(samples):
    return {
        "medianMs": quantile(samples, 0.5),
        "p20Ms": quantile(samples, 0.2),
        "p80Ms": quantile(samples, 0.8),
        "samples": len(samples),
    }


def device_name(device):
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"


def how(device):
    return "CUDA events, L2 flushed" if device.type == "cuda" else "perf_counter"


def modes_of(device):
    # tf32 is a mode of NVIDIA's matrix units. Compiling for a CPU needs a C++ compiler, which may not be there.
    return MODES if device.type == "cuda" else ("eager", "bf16")


def reason(error):
    return str(error).strip().split("\n")[0] or type(error).__name__


def time_case(case, mode, device, timer, seconds):
    row = {key: case[key] for key in ("kind", "dtype", "direction")}
    row["shape"] = " ".join("x".join(map(str, shape)) for shape in case["shapes"])
    row |= {"mode": mode, "device": device_name(device), "version": torch.__version__, "note": how(device)}
    try:
        prepared = Prepared(case, mode, device, make_inputs(case))
        return row | times(timer.samples(prepared.run, seconds))
    except Unsupported as error:
        return row | {"unsupported": str(error)}
    except Exception as error:  # noqa: BLE001: whatever fails is this row's result, not the end of the run
        return row | {"unsupported": reason(error)}


# ---- Requests -------------------------------------------------------------------------------------------------------


def read_arrays(path, shapes):
    flat = torch.frombuffer(bytearray(open(path, "rb").read()), dtype=torch.float32)
    sizes = [math.prod(shape) for shape in shapes]
    return [part.reshape(shape) for part, shape in zip(flat.split(sizes), shapes)]


def write_array(path, tensor):
    with open(path, "wb") as file:
        # Not by way of NumPy, which PyTorch does not need.
        values = tensor.detach().to(device="cpu", dtype=torch.float32).contiguous()
        file.write(ctypes.string_at(values.data_ptr(), 4 * values.numel()))


class Server:
    """Holds prepared cases by their id. `run` has no answer, so that a caller can start many before it waits."""

    def __init__(self, device, mode, answer):
        self.device, self.mode, self.answer = device, mode, answer
        self.timer = Timer(device)
        self.prepared = {}

    def prepare(self, request):
        case = request["case"]
        try:
            prepared = Prepared(case, self.mode, self.device, read_arrays(request["path"], case["shapes"]))
            samples = self.timer.samples(prepared.run, request["seconds"])
            self.prepared[request["id"]] = prepared
            self.answer({"measured": times(samples)})
        except Exception as error:  # noqa: BLE001: the caller has a row for it
            self.answer({"unsupported": reason(error)})

    def run(self, request):
        self.prepared[request["id"]].run()

    def sync(self, _):
        self.timer.sync()
        self.answer({})

    def output(self, request):
        write_array(request["path"], self.prepared[request["id"]].result)
        self.answer({})

    def dispose(self, request):
        self.prepared.pop(request["id"], None)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()


def serve(device, mode):
    # Whatever libraries print must not come between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    server = Server(device, mode, lambda value: print(json.dumps(value), file=answers, flush=True))
    for line in sys.stdin:
        request = json.loads(line)
        getattr(server, request["op"])(request)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases")
    parser.add_argument("--modes")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--describe", action="store_true")
    parser.add_argument("--serve", action="store_true")
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    modes = arguments.modes.split(",") if arguments.modes else modes_of(device)
    if arguments.describe:
        print(json.dumps({"version": torch.__version__, "device": device_name(device), "modes": modes, "how": how(device)}))
    elif arguments.serve:
        serve(device, modes[0])
    elif arguments.cases:
        timer = Timer(device)
        for case in json.load(open(arguments.cases)):
            for mode in modes:
                print(json.dumps(time_case(case, mode, device, timer, arguments.seconds)), flush=True)
    else:
        parser.error("one of --cases, --describe and --serve")


if __name__ == "__main__":
    main()
