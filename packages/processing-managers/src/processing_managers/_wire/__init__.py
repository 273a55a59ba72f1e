"""The messages between a client and a server, the serializers, and how the key is sent."""
