"""Announcing new editions to chats and to WebSub hubs."""
