"""Rules between fields, in CEL: the API server checks them even when no webhook runs (contract 6.2)."""

from typing import Final

from havok.codec import Json

BOOT_RULES: Final[list[Json]] = [
    {
        "rule": "!has(self.status) || !has(self.status.workload) || "
        "(has(self.spec.workload) ? self.spec.workload : 'Deployment') == self.status.workload",
        "message": "the workload cannot be changed while the app exists; delete the Boot and make it again",
        "messageExpression": "'the workload is ' + self.status.workload + ' and cannot be changed "
        "while the app exists; delete the Boot and make it again'",
        "fieldPath": ".spec.workload",
        "reason": "FieldValueForbidden",
    }
]

AUTOSCALING_RULES: Final[list[Json]] = [
    {
        "rule": "!has(self.minReplicas) || has(self.maxReplicas)",
        "message": "minReplicas is given without maxReplicas; give both",
        "fieldPath": ".maxReplicas",
        "reason": "FieldValueRequired",
    },
    {
        "rule": "!has(self.minReplicas) || !has(self.maxReplicas) || self.maxReplicas >= self.minReplicas",
        "message": "maxReplicas is less than minReplicas; raise it or lower minReplicas",
        "fieldPath": ".maxReplicas",
    },
]
