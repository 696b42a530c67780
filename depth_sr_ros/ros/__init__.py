"""The ROS side: the only folder that imports rclpy and message packages."""
