"""Run scim2-tester against a SCIM endpoint: check.py URL, with the token in SCIM_TOKEN.

Prints one JSON object a result: status, title, type, reason.
"""

import json
import os
import sys

from httpx2 import Client
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import check_server


def main() -> None:
    token = os.environ["SCIM_TOKEN"]
    http = Client(base_url=sys.argv[1], headers={"Authorization": f"Bearer {token}"}, timeout=60)
    for result in check_server(SyncSCIMClient(http)):
        print(
            json.dumps(
                {
                    "status": result.status.name,
                    "title": result.title,
                    "type": result.resource_type,
                    "reason": result.reason,
                }
            )
        )


if __name__ == "__main__":
    main()
