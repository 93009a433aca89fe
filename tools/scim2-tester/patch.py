"""Apply PATCH operations with scim2-models, for comparison with the bridge's.

The argument is the profile, "tolerant" or "strict". Reads JSON objects {"document",
"patch"} from standard input, one a line, and prints for each the document that it
makes, or {"error": why}.
"""

import json
import sys

from pydantic import ValidationError
from scim2_models import Context, EnterpriseUser, PatchOp, SCIMException, ScimPolicy, User

Resource = User[EnterpriseUser]

# What becomes of a path whose filter matches no value.
UNMATCHED = {
    "tolerant": ScimPolicy.UnmatchedPathFilter.create,
    "strict": ScimPolicy.UnmatchedPathFilter.forbid,
}


def patched(case: dict, policy: ScimPolicy) -> dict:
    try:
        user = Resource.model_validate(case["document"])
        patch = PatchOp[Resource].model_validate(
            case["patch"], scim_ctx=Context.RESOURCE_PATCH_REQUEST
        )
        patch.patch(user, policy)
    except (SCIMException, ValidationError) as error:
        return {"error": str(error)}
    return user.model_dump()


def main() -> None:
    policy = ScimPolicy(unmatched_path_filter=UNMATCHED[sys.argv[1]])
    for line in sys.stdin:
        print(json.dumps(patched(json.loads(line), policy)))


if __name__ == "__main__":
    main()
