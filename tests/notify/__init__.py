"""Chats and WebSub hubs."""
