"""The schemes of papers and code bases that need to know the model: its depth, its width, the place of a layer."""

import math

from initgen.core.errors import BadParameter
from initgen.core.params import Param, Values, real, whole, word
from initgen.core.shapes import Fans, Kernel, Shape, format_shape
from initgen.laws import Law, Normal, Uniform
from initgen.schemes import keras
from initgen.schemes.keras import scaled
from initgen.schemes.scheme import Scheme, positive
from initgen.schemes.structure import Structure


def _count(name: str, example: int, help: str) -> Param:
    """A number of the model that has no sensible default."""
    return Param(name, None, "int", least=1, example=example, help=help)


def _layers(help: str = "of the model") -> Param:
    return _count("layers", 12, help)


_DIM = _count("dim", 768, "hidden size of the model, whatever the tensor's shape")


def _inverse_root(n: int, degree: int) -> float:
    """n^(-1/degree). The machine's pow may differ in the last digit from another's; 25 digits rounded once do not."""
    from decimal import Context, Decimal

    exact = Context(prec=25)
    return float(exact.exp(exact.divide(-exact.ln(Decimal(n)), Decimal(degree))))


def _residual(values: Values, branches: float) -> Law:
    return Normal(0.0, real(values, "stddev") / math.sqrt(branches * whole(values, "layers")))


def _small_init(_: Fans, values: Values) -> Law:
    return Normal(0.0, math.sqrt(2 / (5 * whole(values, "dim"))))


def _small_init_uniform(fans: Fans, values: Values) -> Law:
    gain = real(values, "gain")
    return scaled("uniform", gain * gain * 2 / (fans.fan_in + 4 * fans.fan_out))


def _wang_init(_: Fans, values: Values) -> Law:
    return Normal(0.0, 2 / whole(values, "layers") / math.sqrt(whole(values, "dim")))


def _siren(fans: Fans, values: Values) -> Law:
    first = word(values, "layer") == "first"
    limit = 1 / fans.fan_in if first else math.sqrt(6 / fans.fan_in) / real(values, "omega")
    return Uniform(-limit, limit)


def _chrono(shape: Shape, kernel: Kernel, values: Values) -> Structure:
    t_max, cell = real(values, "t_max"), word(values, "cell")
    gates = {"lstm": 4, "gru": 3}[cell]
    # Keras' GRU with reset_after keeps the biases of the input and of the state as two rows.
    pair = cell == "gru" and kernel.layout == "keras" and len(shape) == 2 and shape[0] == 2
    if len(shape) != 1 and not pair:
        raise BadParameter(f"shape = {format_shape(shape)} is not that of the bias of a layer, which chrono needs")
    if shape[-1] % gates:
        raise BadParameter(f"chrono is for the {gates} gates of {cell}, and {gates} does not divide {shape[-1]}")
    from initgen.schemes.gates import ChronoGru, ChronoLstm

    return ChronoLstm(shape, t_max) if cell == "lstm" else ChronoGru(shape, t_max, kernel.layout)


def _fixup(fans: Fans, values: Values) -> Law:
    depth = _inverse_root(whole(values, "blocks"), 2 * whole(values, "m") - 2)
    return Normal(0.0, math.sqrt(2 / fans.fan_out) * depth)


def _t_fixup(fans: Fans, values: Values) -> Law:
    layers = whole(values, "layers")
    gain = 0.67 * _inverse_root(layers, 4) if word(values, "stack") == "encoder" else _inverse_root(9 * layers, 4)
    return scaled("uniform", gain * gain * 2 / (fans.fan_in + fans.fan_out))


def _t_fixup_embedding(_: Fans, values: Values) -> Law:
    return Normal(0.0, _inverse_root(whole(values, "dim"), 2) * _inverse_root(9 * whole(values, "layers"), 4))


def _deepnorm(fans: Fans, values: Values) -> Law:
    stack, layers, decoder = word(values, "stack"), whole(values, "layers"), whole(values, "decoder_layers")
    if (stack == "encoder") != (decoder > 0):
        wrong = "needs decoder_layers" if stack == "encoder" else f"with stack={stack} takes no decoder_layers"
        raise BadParameter(f"deepnorm {wrong}: deepnorm:stack=encoder,layers=12,decoder_layers=6")
    if stack == "encoder":
        # 0.87 is the paper's; torchscale divides by 1.15 in its place, 0.05 % less.
        gain = 0.87 * _inverse_root(layers**4 * decoder, 16)
    else:
        gain = _inverse_root((12 if stack == "decoder" else 8) * layers, 4)
    return scaled("normal", gain * gain * 2 / (fans.fan_in + fans.fan_out))


_SCALING = next(scheme for scheme in keras.SCHEMES if scheme.name == "variance_scaling")


def _mup(fans: Fans, values: Values) -> Law:
    base_in, base_out = whole(values, "base_fan_in"), whole(values, "base_fan_out") or fans.fan_out
    narrower, scale = base_in / fans.fan_in, real(values, "scale")
    if base_out != fans.fan_out:  # both grow, and from here on the variance falls as 1/fan_in, whatever the mode
        scale *= narrower
    return _SCALING.law(Fans(base_in, base_out), {**values, "scale": scale})


def _mup_normal(_: Fans, values: Values) -> Law:
    return Normal(0.0, real(values, "stddev") * math.sqrt(whole(values, "base_width") / whole(values, "width")))


SCHEMES = (
    Scheme(
        "gpt2_residual",
        "paper",
        "the projections back into the residual stream of GPT-2, two in each layer",
        "N(0, stddev / sqrt(2 layers))",
        "Radford et al. 2019, section 2.3; transformers GPT2PreTrainedModel._init_weights",
        rule=lambda _, values: _residual(values, 2.0),
        params=(_layers(), positive("stddev", 0.02, "initializer_range")),
    ),
    Scheme(
        "megatron_output",
        "paper",
        "the projections back into the residual stream of Megatron-LM, multiplier of them in each layer",
        "N(0, stddev / sqrt(multiplier layers))",
        "Shoeybi et al. 2019, section 4.2; Megatron-LM scaled_init_method_normal",
        rule=lambda _, values: _residual(values, real(values, "multiplier")),
        params=(
            _layers(),
            positive("stddev", 0.02, "init_method_std"),
            positive("multiplier", 2.0, "1 where a layer has one residual branch, as in Mamba"),
        ),
    ),
    Scheme(
        "small_init",
        "paper",
        "the matrices of GPT-NeoX: Glorot's variance for dim to 4 dim, the same for every shape",
        "N(0, sqrt(2/(5 dim)))",
        "Nguyen & Salazar 2019, section 2.2; GPT-NeoX small_init_init_method",
        rule=_small_init,
        params=(_DIM,),
    ),
    Scheme(
        "small_init_uniform",
        "paper",
        "what xformers calls small_init_: uniform and by the tensor's own fans, not small_init's law",
        "U(±gain sqrt(6/(fan_in + 4 fan_out)))",
        "xformers/factory/weight_init.py, _small_init_",
        rule=_small_init_uniform,
        params=(positive("gain", 1.0),),
        fans="shape",
    ),
    Scheme(
        "wang_init",
        "paper",
        "the projections back into the residual stream of GPT-NeoX",
        "N(0, 2/(layers sqrt(dim)))",
        "Black et al. 2022, section 2.1.3; GPT-NeoX wang_init_method",
        rule=_wang_init,
        params=(_layers(), _DIM),
    ),
    Scheme(
        "siren",
        "paper",
        "layers before a sine of frequency omega; the first layer has a law of its own",
        "U(±sqrt(6/fan_in)/omega), first layer U(±1/fan_in)",
        "Sitzmann et al. 2020, section 3.2 and supplement 1.5; vsitzmann/siren modules.py",
        rule=_siren,
        params=(
            Param("layer", "hidden", "word", choices=("hidden", "first"), help="hidden is any but the first"),
            positive("omega", 30.0, "of the sine; the first layer's law does not depend on it"),
        ),
        fans="shape",
    ),
    Scheme(
        "chrono",
        "paper",
        "the bias of an LSTM or GRU that is to remember for up to t_max steps",
        "b_f (GRU: b_z) = log(U(1, t_max - 1)), b_i = -b_f, others 0",
        "Tallec & Ollivier 2018, section 2",
        build=_chrono,
        params=(
            Param("t_max", None, above=2, example=100, help="the longest dependency that is expected, in steps"),
            Param("cell", "lstm", "word", choices=("lstm", "gru"), help="gru takes the order of gates of the layout"),
        ),
    ),
    Scheme(
        "fixup",
        "paper",
        "the layers of a residual branch without normalization, but for its last, which is zeros",
        "N(0, sqrt(2/fan_out) blocks^(-1/(2m - 2)))",
        "Zhang et al. 2019, section 3; hongyi-zhang/Fixup for the fan",
        rule=_fixup,
        params=(
            _count("blocks", 16, "residual blocks of the model"),
            Param(
                "m", 2, "int", least=2, most=1000, help="layers in each branch: 2 of a basic block, 3 of a bottleneck"
            ),
        ),
        fans="shape",
    ),
    Scheme(
        "t_fixup",
        "paper",
        "the feed-forward, value and output matrices of a transformer without layer normalization",
        "U(±g sqrt(6/(fan_in + fan_out)))",
        "Huang et al. 2020, T-Fixup; layer6ai-labs/T-Fixup fixup_initialization",
        rule=_t_fixup,
        params=(
            _layers("of the encoder, or of the decoder"),
            Param(
                "stack",
                "decoder",
                "word",
                choices=("encoder", "decoder"),
                help="g = 0.67 layers^(-1/4) in the encoder, (9 layers)^(-1/4) in the decoder",
            ),
        ),
        fans="shape",
    ),
    Scheme(
        "t_fixup_embedding",
        "paper",
        "the embeddings of a transformer without layer normalization",
        "N(0, dim^(-1/2) (9 layers)^(-1/4))",
        "Huang et al. 2020, T-Fixup; layer6ai-labs/T-Fixup fairseq/models/transformer.py",
        rule=_t_fixup_embedding,
        params=(_layers("of the stack that it feeds; of the encoder where both share it"), _DIM),
    ),
    Scheme(
        "deepnorm",
        "paper",
        "the feed-forward, value and output matrices of a DeepNet; its query and key are xavier_normal",
        "N(0, g sqrt(2/(fan_in + fan_out)))",
        "Wang et al. 2022, figure 2",
        rule=_deepnorm,
        params=(
            _layers("of the stack that the tensor is in"),
            Param(
                "stack",
                "single",
                "word",
                choices=("single", "encoder", "decoder"),
                help="single is an encoder or a decoder without the other: g = (8 layers)^(-1/4);"
                " encoder: 0.87 (layers^4 decoder_layers)^(-1/16); decoder: (12 layers)^(-1/4)",
            ),
            Param("decoder_layers", 0, "int", least=0, help="for stack=encoder, of the decoder after it"),
        ),
        fans="shape",
    ),
    Scheme(
        "mup",
        "paper",
        "variance scaling of a base model, carried to a wider one",
        "variance scale/n of the base fans (× base_fan_in/fan_in if both grow)",
        "Yang et al. 2022, table 8; microsoft/mup init.py and MuReadout",
        rule=_mup,
        params=(
            _count("base_fan_in", 64, "the tensor's fan_in in the base model; its own where that does not grow"),
            Param(
                "base_fan_out", 0, "int", least=0, help="the tensor's fan_out in the base model; 0: it does not grow"
            ),
            positive("scale", 1.0, "gain squared; 1/3 with uniform is torch's Linear"),
            *(param for param in _SCALING.params if param.name == "mode"),
            Param("distribution", "normal", "word", choices=("normal", "uniform", "truncated_normal")),
        ),
        fans="shape",
    ),
    Scheme(
        "mup_normal",
        "paper",
        "a matrix both of whose fans grow, of a std that was tuned at base_width",
        "N(0, stddev sqrt(base_width/width))",
        "Yang et al. 2022, table 8; microsoft/mup init.py normal_",
        rule=_mup_normal,
        params=(
            _count("width", 256, "of the model"),
            _count("base_width", 64, "of the base model"),
            positive("stddev", 0.02, "of the base model"),
        ),
    ),
)
