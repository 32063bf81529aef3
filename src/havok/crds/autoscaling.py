"""Autoscaling of a Boot: metrics in the shape of autoscaling/v2beta1, as in old manifests, or of v2.

Both shapes share one struct for each source, so nothing but the name of a resource can be demanded here.
"""

from typing import Annotated

import msgspec

from havok.crds.wire import Count, FreeForm, Quantity, Wire, schema


class LabelSelectorRequirement(Wire, frozen=True, kw_only=True):
    """One condition on a label."""

    key: str
    """The label."""
    operator: str
    """In, NotIn, Exists or DoesNotExist."""
    values: tuple[str, ...] = ()
    """The values compared with."""


class LabelSelector(Wire, frozen=True, kw_only=True):
    """Which series of a metric."""

    match_expressions: tuple[LabelSelectorRequirement, ...] = ()
    """All of these hold."""
    match_labels: dict[str, str] = msgspec.field(default_factory=dict)
    """All of these labels have these values."""


class MetricTarget(Wire, frozen=True, kw_only=True):
    """A target in the shape of autoscaling/v2."""

    type: str
    """Utilization, Value or AverageValue."""
    average_utilization: Count | None = None
    """Per cent of the request, averaged over the pods."""
    average_value: Quantity | None = None
    """Averaged over the pods."""
    value: Quantity | None = None
    """Of the metric as it is."""


class MetricIdentifier(Wire, frozen=True, kw_only=True):
    """A metric in the shape of autoscaling/v2."""

    name: str
    """The name of the metric."""
    selector: LabelSelector | None = None
    """Which series."""


class ObjectReference(Wire, frozen=True, kw_only=True):
    """An object that a metric describes."""

    kind: str
    """Its kind."""
    name: str
    """Its name."""
    api_version: str = ""
    """Its group and version."""


class ResourceMetric(Wire, frozen=True, kw_only=True):
    """CPU or memory of the pods."""

    name: str
    """cpu or memory."""
    target: MetricTarget | None = None
    """The target (autoscaling/v2)."""
    target_average_utilization: Count | None = None
    """Per cent of the request (autoscaling/v2beta1)."""
    target_average_value: Quantity | None = None
    """Averaged over the pods (autoscaling/v2beta1)."""


class ContainerResourceMetric(Wire, frozen=True, kw_only=True):
    """CPU or memory of one container of the pods (autoscaling/v2)."""

    name: str
    """cpu or memory."""
    container: str
    """The container."""
    target: MetricTarget
    """The target."""


class PodsMetric(Wire, frozen=True, kw_only=True):
    """A metric that each pod has."""

    metric: MetricIdentifier | None = None
    """The metric (autoscaling/v2)."""
    target: MetricTarget | None = None
    """The target (autoscaling/v2)."""
    metric_name: str = ""
    """The metric (autoscaling/v2beta1)."""
    target_average_value: Quantity | None = None
    """The target (autoscaling/v2beta1)."""
    selector: LabelSelector | None = None
    """Which series (autoscaling/v2beta1)."""


class ObjectMetric(Wire, frozen=True, kw_only=True):
    """A metric of another object."""

    described_object: ObjectReference | None = None
    """The object (autoscaling/v2)."""
    metric: MetricIdentifier | None = None
    """The metric (autoscaling/v2)."""
    target: FreeForm = msgspec.field(default_factory=dict)
    """The object (autoscaling/v2beta1), or the target (autoscaling/v2)."""
    metric_name: str = ""
    """The metric (autoscaling/v2beta1)."""
    target_value: Quantity | None = None
    """The target (autoscaling/v2beta1)."""
    average_value: Quantity | None = None
    """The target averaged over the pods (autoscaling/v2beta1)."""
    selector: LabelSelector | None = None
    """Which series (autoscaling/v2beta1)."""


class ExternalMetric(Wire, frozen=True, kw_only=True):
    """A metric from outside the cluster."""

    metric: MetricIdentifier | None = None
    """The metric (autoscaling/v2)."""
    target: MetricTarget | None = None
    """The target (autoscaling/v2)."""
    metric_name: str = ""
    """The metric (autoscaling/v2beta1)."""
    metric_selector: LabelSelector | None = None
    """Which series (autoscaling/v2beta1)."""
    target_value: Quantity | None = None
    """The target (autoscaling/v2beta1)."""
    target_average_value: Quantity | None = None
    """The target averaged over the pods (autoscaling/v2beta1)."""


class Metric(Wire, frozen=True, kw_only=True):
    """One metric to scale by, in the shape of autoscaling/v2beta1 or of autoscaling/v2."""

    type: str
    """Resource, ContainerResource, Pods, Object or External; the field of that name says the rest."""
    container_resource: ContainerResourceMetric | None = None
    """For type ContainerResource."""
    external: ExternalMetric | None = None
    """For type External."""
    object: ObjectMetric | None = None
    """For type Object."""
    pods: PodsMetric | None = None
    """For type Pods."""
    resource: ResourceMetric | None = None
    """For type Resource."""


class Autoscaling(Wire, frozen=True, kw_only=True):
    """How the number of replicas follows the load."""

    enable: bool = False
    """Whether there is an autoscaler."""
    max_replicas: Annotated[int, schema(format="int32", minimum=2, maximum=100)] | None = None
    """The most replicas; 5 when left open."""
    metrics: Annotated[tuple[Metric, ...], schema(minItems=1, maxItems=100)] = ()
    """What is measured; CPU at 80 per cent of the request when left open."""
    min_replicas: Annotated[int, schema(format="int32", minimum=1)] | None = None
    """The fewest replicas; the platform's own number when left open."""
