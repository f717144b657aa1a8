"""The schema, put together."""

from __future__ import annotations

from functools import cache

import graphene
from graphql import GraphQLSchema, print_schema

from taskq_kernel.service.schema.mutation import Mutation
from taskq_kernel.service.schema.query import Query
from taskq_kernel.service.schema.subscription import Subscription
from taskq_kernel.service.security.access import guard


@cache
def build_schema() -> GraphQLSchema:
    """The schema, with the check of roles before every root field."""
    schema: GraphQLSchema = graphene.Schema(
        query=Query, mutation=Mutation, subscription=Subscription
    ).graphql_schema
    guard(schema)
    return schema


def schema_text() -> str:
    """The schema in GraphQL's own language, as it is checked in."""
    return print_schema(build_schema()) + "\n"
