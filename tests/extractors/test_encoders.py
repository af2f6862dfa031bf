"""Encoders of timm: transforms, layouts and forward passes as published, and their gradients."""

from functools import cache, partial

import numpy as np
import pytest
import timm
import torch
from omegaconf import OmegaConf
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from torchvision import models

from vrbench.cli.folders import conf_dir
from vrbench.config import choices
from vrbench.core.errors import ConfigError, DataError, MissingDataError
from vrbench.core.seeds import stream
from vrbench.extractors import Encoder, Standard
from vrbench.extractors.inference_copy import swift
from vrbench.testing.extractors import ExtractorContract
from vrbench.testing.world import toy_network

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALF = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
CLIP = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
PUBLISHED = {  # mean and std, size, crop, length of features, parameters without a last layer
    "clip": (*CLIP, 224, 1.0, 512, 86_192_640 + 512),  # OpenAI's; timm's projection has a bias
    "siglip": (*HALF, 224, 1.0, 768, 92_884_224),
    "dinov2": (*IMAGENET, 224, 1.0, 384, 22_056_576 - 384 - 384 * (37**2 - 16**2)),
    "dinov2_518": (*IMAGENET, 518, 1.0, 384, 22_056_576 - 384),  # Meta's has a mask token, too
    "convnext": (*IMAGENET, 224, 0.875, 768, 27_820_128),
    "vit": (*HALF, 224, 0.9, 384, 21_665_664),
}


class TestViT(ExtractorContract):
    make = partial(Encoder, arch="test_vit", size=32)


class TestAttentionPooling(ExtractorContract):
    """As SigLIP has it."""

    make = partial(Encoder, arch="test_vit3", size=32)


class TestConvNeXt(ExtractorContract):
    make = partial(Encoder, arch="test_convnext", size=64, pool="mean", layer=-2)


def made(arch, **settings):
    """An encoder with weights drawn so that everything in it matters."""
    network = Encoder(arch=arch, **settings)
    rng = stream(0)
    for parameter in network.parameters():
        parameter.data += 0.1 * torch.randn(parameter.shape, generator=rng)
    return network.eval().requires_grad_(False)


@pytest.fixture
def shallow(monkeypatch):
    """Real architectures of two blocks."""
    monkeypatch.setattr(timm, "create_model", partial(timm.create_model, depth=2))


@cache
def chosen_settings():
    """The settings of the encoder in each choice."""
    found = choices("extractor", conf_dir())
    kept = {name: OmegaConf.to_container(found[name].network) for name in PUBLISHED}
    return {name: {k: v for k, v in kept[name].items() if k != "_target_"} for name in kept}


@pytest.mark.parametrize("name", list(PUBLISHED))
def test_choices_have_the_published_transform_and_shape(name):
    chosen = chosen_settings()[name]
    assert chosen["weights"] == "published"
    with torch.device("meta"):
        network = Encoder(**chosen | {"weights": None})
    mean, std, size, crop, length, parameters = PUBLISHED[name]
    config = timm.data.resolve_data_config({}, model=network.network)
    assert (tuple(config["mean"]), tuple(config["std"])) == (mean, std)
    assert (network.size, network.crop, network.width) == (size, crop, length)
    assert network.interpolation == "bicubic"
    assert sum(p.numel() for p in network.network.parameters()) == parameters
    real = Encoder(arch="test_vit", size=32)  # and what it says is what it does
    assert real.mean.flatten().tolist() == pytest.approx(real.network.pretrained_cfg["mean"])


@pytest.mark.parametrize(("side", "size", "crop"), [(100, 64, 0.9), (48, 64, 0.875), (96, 32, 1.0)])
def test_pictures_are_prepared_as_timm_prepares_them(side, size, crop):
    network = Encoder(arch="test_vit", size=size, crop=crop)
    drawn = torch.randint(60, 200, (9, 11, 3), generator=stream(1), dtype=torch.uint8)
    smooth = Image.fromarray(drawn.numpy()).resize((side + 20, side), Image.Resampling.BICUBIC)
    config = {"input_size": (3, size, size), "crop_pct": crop, "interpolation": "bicubic"}
    config |= {"mean": network.mean.flatten().tolist(), "std": network.std.flatten().tolist()}
    wanted = timm.data.create_transform(**config, is_training=False)(smooth)
    pixels = torch.from_numpy(np.array(smooth)).permute(2, 0, 1)[None] / 255
    found = network.prepared(pixels)[0]
    assert found.shape == wanted.shape
    assert (found - wanted).abs().max() < 2.5 / 255 / network.std.min()  # PIL rounds twice
    assert (found - wanted).abs().mean() < 0.5 / 255 / network.std.min()


def openai(width, patch, grid, out):
    """OpenAI's image tower in its own layout, of two blocks: weights, and what they compute."""
    rng, state = stream(2), {}

    def draw(name, *shape):
        state[name] = 0.2 * torch.randn(shape, generator=rng)

    draw("class_embedding", width)
    draw("positional_embedding", grid**2 + 1, width)
    draw("conv1.weight", width, 3, patch, patch)
    draw("proj", width, out)
    for norm in ("ln_pre", "ln_post"):
        draw(f"{norm}.weight", width)
        draw(f"{norm}.bias", width)
    for n in range(2):
        block = f"transformer.resblocks.{n}."
        for name, rows, columns in (
            ("attn.in_proj_", 3 * width, width),
            ("attn.out_proj.", width, width),
            ("mlp.c_fc.", 4 * width, width),
            ("mlp.c_proj.", width, 4 * width),
        ):
            draw(f"{block}{name}weight", rows, columns)
            draw(f"{block}{name}bias", rows)
            state[f"{block}{name}weight"] *= 0.2
        for norm in ("ln_1", "ln_2"):
            draw(f"{block}{norm}.weight", width)
            draw(f"{block}{norm}.bias", width)

    def norm(x, name):
        return nn.functional.layer_norm(x, (width,), state[f"{name}.weight"], state[f"{name}.bias"])

    def run(x):
        x = nn.functional.conv2d(x, state["conv1.weight"], stride=patch).flatten(2).mT
        first = state["class_embedding"].expand(len(x), 1, width)
        x = norm(torch.cat([first, x], 1) + state["positional_embedding"], "ln_pre")
        for n in range(2):
            block = f"transformer.resblocks.{n}."
            attend = nn.MultiheadAttention(width, width // 64, batch_first=True)
            attend.load_state_dict(
                {
                    name: state[f"{block}attn.{name}"]
                    for name in ("in_proj_weight", "in_proj_bias", "out_proj.weight")
                }
                | {"out_proj.bias": state[f"{block}attn.out_proj.bias"]}
            )
            seen = norm(x, block + "ln_1")
            x = x + attend(seen, seen, seen, need_weights=False)[0]
            hidden = norm(x, block + "ln_2") @ state[block + "mlp.c_fc.weight"].T
            hidden = hidden + state[block + "mlp.c_fc.bias"]
            hidden = hidden * torch.sigmoid(1.702 * hidden)
            x = x + hidden @ state[block + "mlp.c_proj.weight"].T + state[block + "mlp.c_proj.bias"]
        return norm(x[:, 0], "ln_post") @ state["proj"]

    return state, run


def test_clip_in_openais_layout_answers_as_openais_tower(tmp_path, shallow):
    state, run = openai(768, 16, 2, 512)
    whole = {f"visual.{name}": value for name, value in state.items()}
    whole |= {"text_projection": torch.zeros(2, 2), "logit_scale": torch.zeros(1)}
    save_file(whole, tmp_path / "clip.safetensors")
    network = Encoder(
        arch="vit_base_patch16_clip_quickgelu_224.openai",
        weights=str(tmp_path / "clip.safetensors"),
        size=32,
        crop=1.0,
        pool="projected",
    ).eval()
    x = torch.rand(2, 3, 32, 32, generator=stream(3))
    with torch.no_grad():
        found, wanted = network(x).vector, run((x - network.mean) / network.std)
    assert found.shape == (2, 512)
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-3 * wanted.abs().max().item())
    assert network.spec["weights"] == network.origin["sha256"]


def test_convnext_in_metas_layout_answers_as_torchvisions(tmp_path, monkeypatch):
    monkeypatch.setattr(timm, "create_model", partial(timm.create_model, depths=(1, 1, 2, 1)))
    torch.manual_seed(0)
    stages = ((96, 192, 1), (192, 384, 1), (384, 768, 2), (768, None, 1))
    theirs = models.ConvNeXt([models.convnext.CNBlockConfig(*stage) for stage in stages]).eval()
    state = {}
    for name, value in theirs.state_dict().items():
        part, *path = name.split(".")
        last = path.pop()
        if part == "classifier":
            state[f"{'norm' if path == ['0'] else 'head'}.{last}"] = value
            continue
        stage = int(path[0])
        if stage % 2 == 0:
            state[f"downsample_layers.{stage // 2}.{path[1]}.{last}"] = value
        elif last == "layer_scale":
            value.fill_(0.5)  # at 1e-6, as it starts, blocks would say nothing
            state[f"stages.{stage // 2}.{path[1]}.gamma"] = value.flatten()
        else:
            kind = {"0": "dwconv", "2": "norm", "3": "pwconv1", "5": "pwconv2"}[path[3]]
            state[f"stages.{stage // 2}.{path[1]}.{kind}.{last}"] = value
    save_file({k: v.contiguous() for k, v in state.items()}, tmp_path / "w.safetensors")
    settings = {"weights": str(tmp_path / "w.safetensors"), "size": 64, "crop": 1.0}
    x = torch.rand(2, 3, 64, 64, generator=stream(3))
    with torch.no_grad():
        network = Encoder(arch="convnext_tiny.fb_in22k", **settings).eval()
        maps = theirs.features(network.prepared(x))
        wanted = theirs.classifier[:2](theirs.avgpool(maps))
        torch.testing.assert_close(network(x).vector, wanted, rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(network(x).maps, maps.flatten(2).mT, rtol=1e-3, atol=1e-3)
        network = Encoder(arch="convnext_tiny.fb_in22k", pool="mean", layer=1, **settings).eval()
        middle = theirs.features[:4](network.prepared(x)).mean((2, 3))
        torch.testing.assert_close(network(x).vector, middle, rtol=1e-3, atol=1e-3)


def test_a_vit_answers_as_torchvisions_for_each_token_and_block(tmp_path, shallow):
    torch.manual_seed(0)
    theirs = models.VisionTransformer(32, 16, 2, 6, 384, 1536).eval()
    names = {"ln_1": "norm1", "ln_2": "norm2", "self_attention": "attn", "mlp": "mlp"}
    state = {}
    for name, value in theirs.state_dict().items():
        name = name.replace("encoder.layers.encoder_layer_", "blocks.").replace("conv_proj", "p")
        for old, new in names.items():
            name = name.replace(old, new)
        for old, new in (
            ("class_token", "cls_token"),
            ("encoder.pos_embedding", "pos_embed"),
            ("p.", "patch_embed.proj."),
            ("encoder.ln.", "norm."),
            ("heads.head", "head"),
        ):
            name = new + name.removeprefix(old) if name.startswith(old) else name
        name = name.replace("in_proj_", "qkv.").replace("out_proj", "proj")
        state[name.replace("mlp.0", "mlp.fc1").replace("mlp.3", "mlp.fc2")] = value
    save_file({k: v.contiguous() for k, v in state.items()}, tmp_path / "w.safetensors")
    file = {"weights": str(tmp_path / "w.safetensors"), "size": 32, "crop": 1.0}
    encoder = partial(Encoder, arch="vit_small_patch16_224.augreg_in21k", **file)
    x = torch.rand(2, 3, 32, 32, generator=stream(3))
    with torch.no_grad():
        tokens = theirs._process_input(encoder().prepared(x))
        first = theirs.class_token.expand(2, -1, -1)
        tokens = torch.cat([first, tokens], 1) + theirs.encoder.pos_embedding
        after = [theirs.encoder.layers[0](tokens)]
        after.append(theirs.encoder.layers[1](after[0]))
        after = [theirs.encoder.ln(rows) for rows in after]
        for pool, layer, wanted in (
            ("head", -1, after[1][:, 0]),
            ("cls", 1, after[1][:, 0]),
            ("mean", -1, after[1][:, 1:].mean(1)),
            ("cls", 0, after[0][:, 0]),
            ("mean", -2, after[0][:, 1:].mean(1)),
        ):
            seen = encoder(pool=pool, layer=layer)(x)
            torch.testing.assert_close(seen.vector, wanted, rtol=1e-3, atol=1e-4)
            torch.testing.assert_close(seen.maps, after[layer][:, 1:], rtol=1e-3, atol=1e-4)


def test_dinov2_in_metas_layout_at_another_size(tmp_path, shallow):
    whole = made("vit_small_patch14_dinov2.lvd142m", size=518)
    state = {k: v.clone() for k, v in whole.network.state_dict().items()}
    assert state["pos_embed"].shape == (1, 1370, 384)
    state["pos_embed"][:, 1:] = 0.25  # the same everywhere, so that resampling changes nothing
    save_file(state | {"mask_token": torch.zeros(1, 384)}, tmp_path / "w.safetensors")
    network = Encoder(
        arch="vit_small_patch14_dinov2.lvd142m", weights=str(tmp_path / "w.safetensors"), size=28
    )
    there = network.network.pos_embed
    assert there.shape == (1, 5, 384)
    assert torch.equal(there[:, 0], state["pos_embed"][:, 0])
    assert torch.allclose(there[:, 1:], torch.tensor(0.25))
    assert torch.equal(network.network.blocks[1].ls2.gamma, state["blocks.1.ls2.gamma"])


KINDS = [
    ("test_vit", {"size": 32}),  # class token
    ("test_vit", {"size": 32, "pool": "mean", "layer": 2}),
    ("test_vit3", {"size": 32}),  # attention pooling
    ("test_convnext", {"size": 64}),
    ("vit_small_patch14_dinov2.lvd142m", {"size": 28}),
]


@pytest.mark.parametrize(("arch", "settings"), KINDS)
def test_gradients_through_the_patch_embedding_are_the_finite_differences(
    arch, settings, monkeypatch
):
    if arch.startswith("vit"):
        monkeypatch.setattr(timm, "create_model", partial(timm.create_model, depth=2))
    network = made(arch, crop=1.0, **settings).double()
    x = torch.rand(1, 3, 24, 24, generator=stream(4), dtype=torch.float64).requires_grad_()
    (slope,) = torch.autograd.grad(network(x).vector.square().sum(), x)
    assert slope.ne(0).all(), "no pixel goes unseen"
    for place in ((0, 0, 0, 0), (0, 1, 11, 5), (0, 2, 23, 23)):
        step = torch.zeros_like(x)
        step[place] = 1e-5
        up, down = (network(x.detach() + s).vector.square().sum() for s in (step, -step))
        assert slope[place].item() == pytest.approx(((up - down) / 2e-5).item(), rel=1e-4)


@pytest.mark.parametrize(("arch", "settings"), KINDS[:4])
def test_inference_copies_answer_alike(arch, settings):
    network = made(arch, **settings)
    x = torch.rand(2, 3, 48, 48, generator=stream(5))
    wanted = network(x).vector
    torch.testing.assert_close(swift(network)(x).vector, wanted, rtol=1e-4, atol=1e-4)
    coarse = swift(network, dtype=torch.bfloat16)(x).vector
    assert torch.cosine_similarity(coarse, wanted).min() > 0.999


def test_a_probe_leaves_the_features_alone(tmp_path):
    kept = made("test_vit", size=32)
    save_file(kept.network.state_dict(), tmp_path / "w.safetensors")
    encoder = Encoder(arch="test_vit", size=32, weights=str(tmp_path / "w.safetensors"))
    probe = toy_network(Standard(encoder, part="head", epochs=3, batch_size=8))
    x = torch.rand(2, 3, 32, 32, generator=stream(6))
    assert probe.classes == ("red", "green", "blue")
    torch.testing.assert_close(probe(x).vector, kept(x).vector)
    assert probe(x).logits.shape == (2, 3)


def test_what_is_not_there_is_said_in_one_line(tmp_path):
    for name in ("clip", "dinov2"):
        with (
            torch.device("meta"),
            pytest.raises(MissingDataError, match="fetch them with `hf download timm/vit_"),
        ):
            Encoder(**chosen_settings()[name])
    with pytest.raises(MissingDataError, match=r"no weights .*w\.pth: put the published file"):
        Encoder(arch="test_vit", weights=str(tmp_path / "w.pth"))
    save_file(Encoder(arch="test_vit").network.state_dict(), tmp_path / "w.safetensors")
    for other in ("test_vit3", "test_convnext"):
        with pytest.raises(DataError, match="of another architecture"):
            Encoder(arch=other, weights=str(tmp_path / "w.safetensors"))


def test_settings_that_a_network_does_not_have_are_named():
    for settings, said in (
        ({"arch": "test_vti"}, "did you mean 'test_vit'"),
        ({"arch": "test_convnext", "pool": "cls"}, "no class token"),
        ({"arch": "test_vit", "pool": "cls", "layer": 6}, "has 6 layers: expected layer in"),
        ({"arch": "test_vit", "layer": 2}, "pool=head is of the last layer"),
        ({"arch": "test_vit", "pool": "max"}, "Encoder.pool"),
        ({"arch": "test_vit", "crop": 0.0}, "crop in"),
        ({"arch": "vit_small_patch14_dinov2.lvd142m", "pool": "projected"}, "no projection"),
    ):
        with pytest.raises(ConfigError, match=said):
            Encoder(**settings)
