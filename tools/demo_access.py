"""The headers with which the demo calls an open or a closed API."""

import json
import secrets
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from stack_target import ClientFactory

CUSTOMER, FULFILLMENT, ADMIN = "customer", "fulfillment", "admin"
# The outputs of the stack with the app client of each service, and with the API key of each caller.
CLIENTS = {FULFILLMENT: "FulfilmentClientId", ADMIN: "AdminClientId"}
API_KEYS = {CUSTOMER: "CustomerApiKeyId", FULFILLMENT: "FulfilmentApiKeyId", ADMIN: "AdminApiKeyId"}
REQUEST_TIMEOUT_SECONDS = 10

# Returns the headers of a caller.
Headers = Callable[[str], dict[str, str]]


@contextmanager
def open_access(
    create_client: ClientFactory, outputs: Mapping[str, str], token_url: str, customer: str
) -> Iterator[Headers]:
    """Yields the headers of each caller. A closed API gets a user named `customer` for this time."""
    if "UserPoolId" not in outputs:
        yield lambda _caller: {}
        return
    cognito, pool = create_client("cognito-idp"), outputs["UserPoolId"]
    keys = {
        caller: create_client("apigateway").get_api_key(apiKey=outputs[output], includeValue=True)["value"]
        for caller, output in API_KEYS.items()
    }
    tokens = {
        caller: _authorize_service(cognito, pool, outputs[output], token_url) for caller, output in CLIENTS.items()
    }
    with _sign_in(cognito, pool, customer) as token:
        tokens[CUSTOMER] = token
        yield lambda caller: {"Authorization": f"Bearer {tokens[caller]}", "x-api-key": keys[caller]}


def _authorize_service(cognito: Any, pool: str, client: str, token_url: str) -> str:
    """Returns the access token of a service, by its client credentials."""
    described = cognito.describe_user_pool_client(UserPoolId=pool, ClientId=client)["UserPoolClient"]
    form = {
        "grant_type": "client_credentials",
        "client_id": client,
        "client_secret": described["ClientSecret"],
    }
    request = urllib.request.Request(token_url, urllib.parse.urlencode(form).encode())
    with urllib.request.urlopen(request, timeout=REQUEST_TIMEOUT_SECONDS) as response:
        return str(json.load(response)["access_token"])


@contextmanager
def _sign_in(cognito: Any, pool: str, customer: str) -> Iterator[str]:
    """Yields the access token of a new user, who is deleted afterwards.

    The app client of the customers accepts no password from a server, so the user signs in with one of its own.
    """
    password = f"{secrets.token_urlsafe(24)}aA1"
    client = cognito.create_user_pool_client(
        UserPoolId=pool,
        ClientName=customer,
        ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
    )["UserPoolClient"]["ClientId"]
    user = {"UserPoolId": pool, "Username": customer}
    try:
        cognito.admin_create_user(**user, MessageAction="SUPPRESS")
        cognito.admin_set_user_password(**user, Password=password, Permanent=True)
        result = cognito.admin_initiate_auth(
            UserPoolId=pool,
            ClientId=client,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": customer, "PASSWORD": password},
        )
        yield str(result["AuthenticationResult"]["AccessToken"])
    finally:
        cognito.delete_user_pool_client(UserPoolId=pool, ClientId=client)
        cognito.admin_delete_user(**user)
