"""What can be exported, by what it is a checkpoint of: one line each."""

from collections.abc import Callable, Mapping
from typing import Any

from rebounce.exporters.package import PackagePlan
from rebounce.training.exportable import encodec, light_codec, token_unet
from rebounce.training.exportable.request import Request
from rebounce.training.networks.registry import NETWORKS

Plan = Callable[[Mapping[str, Any], Request], PackagePlan]

EXPORTABLE: dict[str, Plan] = {
    "encodec": encodec.plan,
    "light-codec": light_codec.plan,
    **dict.fromkeys(NETWORKS, token_unet.plan),
}
