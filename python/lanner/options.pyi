# Written by `make docs` from the declarations of the options in C++.
from collections.abc import Sequence
from os import PathLike
from typing import Literal, TypedDict

class DetectorOptionsBackboneDeformable(TypedDict, total=False):
    groups: int
    modulated: bool
    stages: Sequence[int]

class DetectorOptionsBackbone(TypedDict, total=False):
    dc5_channels: int
    deformable: DetectorOptionsBackboneDeformable
    depth: int
    fpn_channels: int
    fpn_norm: bool
    fpn_pool: bool
    fpn_stages: Sequence[int]
    group_width: int
    groups: int
    neck: Literal["fpn", "c4", "dc5"]
    norm: Literal["frozen_batch", "batch", "group", "layer", "none"]
    norm_eps: float
    trainable_stages: int
    width: int

class DetectorOptionsAnchors(TypedDict, total=False):
    ratios: Sequence[float]
    sizes: Sequence[Sequence[float]]

class DetectorOptionsRpn(TypedDict, total=False):
    conv_channels: int
    conv_depth: int
    negative_iou: float
    nms_iou: float
    positive_fraction: float
    positive_iou: float
    post_nms_test: int
    post_nms_train: int
    pre_nms_test: int
    pre_nms_train: int
    sampled_anchors: int

class DetectorOptionsRoi(TypedDict, total=False):
    beta: float
    deformable: bool
    head_convs: int
    head_width: int
    max_detections: int
    nms_iou: float
    pooled_size: int
    pooling: Literal["roi_align", "roi_pool"]
    positive_fraction: float
    positive_iou: float
    sampled_rois: int
    sampling: Literal["balanced", "ohem"]
    sampling_ratio: int
    score_threshold: float
    soft_nms: float

class DetectorOptionsDiffusion(TypedDict, total=False):
    candidates: int
    copies: float
    data_prior: bool
    dynamic_width: int
    early_pooled_size: int
    early_width: int
    eta: float
    feed_forward: int
    heads: int
    l1_unit: Literal["image", "object"]
    min_matches: int
    renew: float
    seed: int
    stages: int
    train_boxes: int

class DetectorOptionsResize(TypedDict, total=False):
    interpolation: Literal["area", "linear", "torchvision"]
    max_size: int
    min_size: int

class DetectorOptionsNormalization(TypedDict, total=False):
    mean: Sequence[float]
    std: Sequence[float]

class DetectorOptions(TypedDict, total=False):
    anchors: DetectorOptionsAnchors
    backbone: DetectorOptionsBackbone
    boxes: int
    diffusion: DetectorOptionsDiffusion
    model: Literal["faster_rcnn", "rfcn", "diffusion"]
    normalization: DetectorOptionsNormalization
    path: Literal["flow", "vp", "edm"]
    resize: DetectorOptionsResize
    roi: DetectorOptionsRoi
    rpn: DetectorOptionsRpn
    sampler: Literal["euler", "heun", "ddim", "ddpm"]
    steps: int

class TrainOptionsBackboneDeformable(TypedDict, total=False):
    groups: int
    modulated: bool
    stages: Sequence[int]

class TrainOptionsBackbone(TypedDict, total=False):
    dc5_channels: int
    deformable: TrainOptionsBackboneDeformable
    depth: int
    fpn_channels: int
    fpn_norm: bool
    fpn_pool: bool
    fpn_stages: Sequence[int]
    group_width: int
    groups: int
    neck: Literal["fpn", "c4", "dc5"]
    norm: Literal["frozen_batch", "batch", "group", "layer", "none"]
    norm_eps: float
    trainable_stages: int
    width: int

class TrainOptionsAnchors(TypedDict, total=False):
    ratios: Sequence[float]
    sizes: Sequence[Sequence[float]]

class TrainOptionsRpn(TypedDict, total=False):
    conv_channels: int
    conv_depth: int
    negative_iou: float
    nms_iou: float
    positive_fraction: float
    positive_iou: float
    post_nms_test: int
    post_nms_train: int
    pre_nms_test: int
    pre_nms_train: int
    sampled_anchors: int

class TrainOptionsRoi(TypedDict, total=False):
    beta: float
    deformable: bool
    head_convs: int
    head_width: int
    max_detections: int
    nms_iou: float
    pooled_size: int
    pooling: Literal["roi_align", "roi_pool"]
    positive_fraction: float
    positive_iou: float
    sampled_rois: int
    sampling: Literal["balanced", "ohem"]
    sampling_ratio: int
    score_threshold: float
    soft_nms: float

class TrainOptionsDiffusion(TypedDict, total=False):
    candidates: int
    copies: float
    data_prior: bool
    dynamic_width: int
    early_pooled_size: int
    early_width: int
    eta: float
    feed_forward: int
    heads: int
    l1_unit: Literal["image", "object"]
    min_matches: int
    renew: float
    seed: int
    stages: int
    train_boxes: int

class TrainOptionsResize(TypedDict, total=False):
    interpolation: Literal["area", "linear", "torchvision"]
    max_size: int
    min_size: int

class TrainOptionsNormalization(TypedDict, total=False):
    mean: Sequence[float]
    std: Sequence[float]

class TrainOptionsPseudoStrong(TypedDict, total=False):
    blur: float
    color: float
    cutout: float
    gray: float
    mixup: float
    mosaic: float
    scale: float
    shift: float

class TrainOptionsPseudo(TypedDict, total=False):
    burn_in: float
    jitter: float
    jitters: int
    max_score: float
    max_spread: float
    min_score: float
    soft_background: bool
    strong: TrainOptionsPseudoStrong
    truth: str
    weight: float
    window: int

class TrainOptions(TypedDict, total=False):
    accumulate: int
    amp: Literal["true", "false", "auto"]
    anchors: TrainOptionsAnchors
    backbone: TrainOptionsBackbone | str
    batch_size: int
    boxes: int
    clip_norm: float
    color_jitter: float
    cutout: float
    deformable: bool
    device: str
    diffusion: TrainOptionsDiffusion
    ema_decay: float
    epochs: int
    evaluate_raw: bool
    evaluations: int
    horizontal_flip: float
    image_cache: float
    image_root: str | PathLike[str]
    init: str | PathLike[str]
    init_lr: float
    iou_crop: float
    keep: int
    log_every: int
    lr: float
    lr_factors: str
    lr_images: int
    lr_milestones: Sequence[float]
    max_minutes: float
    max_steps: int
    model: Literal["faster_rcnn", "rfcn", "diffusion"]
    momentum: float
    mosaic: float
    normalization: TrainOptionsNormalization
    object_crop: int
    offset_lr: float
    on_bad_image: Literal["stop", "skip"]
    optimizer: Literal["sgd", "adamw"]
    override: bool
    path: Literal["flow", "vp", "edm"]
    patience: int
    preset: str
    pseudo: TrainOptionsPseudo
    resize: TrainOptionsResize
    resume: bool
    roi: TrainOptionsRoi
    rpn: TrainOptionsRpn
    sampler: Literal["euler", "heun", "ddim", "ddpm"]
    save_minutes: float
    scale_jitter: float
    schedule: Literal["step", "cosine", "poly"]
    seed: int
    steps: int
    sync_norm: bool
    unlabelled: str | PathLike[str] | Sequence[str | PathLike[str]]
    unlabelled_ratio: float
    val: str
    val_loss: bool
    vertical_flip: float
    warmup_steps: int
    weight_decay: float
    workers: int

class SelectOptions(TypedDict, total=False):
    already: str | PathLike[str]
    backbone: str
    copy: str | PathLike[str]
    cover: Literal["coverage", "k_center", "k_means"]
    image_size: int
    link: str | PathLike[str]
    norm: Literal["frozen_batch", "batch", "group", "layer", "none"]
    regions: int
    seed: int
    show: str | PathLike[str]
    weights: str | PathLike[str]

class PretrainOptionsPatch(TypedDict, total=False):
    brightness: float
    contrast: float
    crop: float
    flip: float
    gray: float
    one_channel: float
    size: int
    stride: int

class PretrainOptionsRegions(TypedDict, total=False):
    boxes: int
    candidates: int
    fpn_channels: int
    fpn_stages: Sequence[int]
    head_width: int
    max_side: float
    min_side: float
    min_view: float
    rare: bool
    same: float
    target_decay: float
    view_size: int

class PretrainOptions(TypedDict, total=False):
    accumulate: int
    amp: Literal["true", "false", "auto"]
    backbone: str
    batch_size: int
    clip_norm: float
    context: Literal["conv", "gru"]
    device: str
    directions: int
    ema_decay: float
    embedding: int
    epochs: int
    evaluate_raw: bool
    first_distance: int
    image_size: int
    init: str | PathLike[str]
    keep: int
    last_distance: int
    log_every: int
    lr: float
    lr_factors: str
    lr_images: int
    lr_milestones: Sequence[float]
    max_minutes: float
    max_steps: int
    min_crop: float
    momentum: float
    negatives: int
    norm: Literal["frozen_batch", "batch", "group", "layer", "none"]
    objective: Literal["cpc", "simclr", "regions"]
    on_bad_image: Literal["stop", "skip"]
    optimizer: Literal["sgd", "adamw"]
    override: bool
    patch: PretrainOptionsPatch
    patience: int
    regions: PretrainOptionsRegions
    resume: bool
    save_minutes: float
    schedule: Literal["step", "cosine", "poly"]
    seed: int
    show: bool
    stages: int
    sync_norm: bool
    temperature: float
    warmup_steps: int
    weight_decay: float
    width: int
    workers: int

class ProbeOptions(TypedDict, total=False):
    backbone: str
    every_stage: bool
    image_size: int
    json: str | PathLike[str]
    neighbors: int
    norm: Literal["frozen_batch", "batch", "group", "layer", "none"]
    patches: bool
    seeds: int
    test: str | PathLike[str] | Sequence[str | PathLike[str]]

class EvalOptions(TypedDict, total=False):
    amp: Literal["true", "false", "auto"]
    annotations: str
    batch_size: int
    boxes: int
    data: str
    detections: str | PathLike[str]
    device: str
    errors: bool
    image_root: str | PathLike[str]
    iou: float
    max_detections: int
    metric: Literal["coco", "voc07", "voc"]
    metrics_json: str | PathLike[str]
    nms_iou: float
    renew: float
    report: str | PathLike[str]
    sampler: Literal["stored", "euler", "heun", "ddim", "ddpm"]
    save_detections: str | PathLike[str]
    score_threshold: float
    soft_nms: float
    steps: int
    weights: str | PathLike[str]
    workers: int

class DetectOptionsTrack(TypedDict, total=False):
    high: float
    look: float
    lost: int
    low: float
    match: float
    new: float

class DetectOptions(TypedDict, total=False):
    batch_size: int
    boxes: int
    class_conf: str
    conf: float
    count_lines: Sequence[Sequence[float]]
    device: str
    end: float
    every: int
    flip: bool
    max_detections: int
    nms_iou: float
    overlap: float
    precision: Literal["fp32", "bf16"]
    region: Sequence[float]
    renew: float
    sampler: Literal["stored", "euler", "heun", "ddim", "ddpm"]
    save_crops: bool
    save_csv: str | PathLike[str]
    save_images: bool
    save_json: str | PathLike[str]
    save_jsonl: str | PathLike[str]
    save_labels: Literal["none", "coco", "voc", "yolo"]
    save_video: bool
    scales: Sequence[float]
    score_threshold: float
    show_offsets: bool
    show_sampling: bool
    soft_nms: float
    start: float
    steps: int
    tile: int
    track: DetectOptionsTrack | bool
    zones: Sequence[Sequence[float]]

class QuantizeOptions(TypedDict, total=False):
    count: int
    data: str
    evaluate: bool
    float_layers: str | Sequence[str]
    image_root: str | PathLike[str]
    images: str | PathLike[str]
    max_error: float
    range: Literal["minmax", "percentile", "mse"]
    workers: int

class CheckOptionsResize(TypedDict, total=False):
    interpolation: Literal["area", "linear", "torchvision"]
    max_size: int
    min_size: int

class CheckOptions(TypedDict, total=False):
    against: str | Sequence[str]
    annotations_only: bool
    color_jitter: float
    cutout: float
    horizontal_flip: float
    image_root: str | PathLike[str]
    iou_crop: float
    json: str | PathLike[str]
    mosaic: float
    object_crop: int
    resize: CheckOptionsResize
    scale_jitter: float
    show: str | PathLike[str]
    show_augmented: bool
    split: str
    vertical_flip: float

class ConvertOptions(TypedDict, total=False):
    classes: str | Sequence[str]
    image_root: str | PathLike[str]
    link: bool
    merge: str | Sequence[str]
    seed: int
    split: Sequence[float]
    to: Literal["coco", "voc", "yolo"]

class SyntheticOptions(TypedDict, total=False):
    deformation: float
    height: int
    images: int
    max_object: float
    max_objects: int
    min_object: float
    seed: int
    width: int

class BenchOptions(TypedDict, total=False):
    json: str | PathLike[str]
    runs: int
    threads: int

class ModelsOptions(TypedDict, total=False):
    classes: int
    height: int
    width: int
